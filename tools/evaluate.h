#pragma once
#include <functional>

#include "mica/data/images.h"
#include "mica/nn/any_module.h"
#include "mica/tools/confusion.h"
#include "mica/tools/report.h"

namespace mica::tools {

struct Evaluation {
  double loss = 0;                   // mean cross entropy, nats
  Confusion confusion = {};
  std::vector<Mistake> mistakes = {};  // the most confident first
  double accuracy() const { return confusion.accuracy(); }
};

struct EvaluateOptions {
  Device device = cpu;
  int batch = 256;
  int mistakes = 0;                  // how many to keep, with their pictures
  std::function<void(std::int64_t images_done)> progress = {};  // called after each batch; may throw to stop
};

// The model, not training, on every image. The training flag is off afterwards.
Evaluation evaluate(AnyModule& model, const ImageDataset& images, const EvaluateOptions& options);

Picture picture_of(const ImageDataset& images, std::int64_t row);

}  // namespace mica::tools
