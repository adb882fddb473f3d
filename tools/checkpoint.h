#pragma once
#include <filesystem>

#include "mica/core/random.h"
#include "mica/data/images.h"
#include "mica/nn/any_module.h"
#include "mica/nn/module.h"
#include "mica/optim/clip.h"
#include "mica/optim/loss_scale.h"
#include "mica/optim/optimizer.h"

namespace mica::tools {

// A network and what it needs to be used: which model it is, and how its images are made. checkpoint.safetensors holds the tensors under the
// model's own names and the rest as metadata, so that any program can load it.
struct Network {
  std::string model = "", data = "";
  int channels = 1, height = 0, width = 0;
  std::vector<std::string> classes = {};
  std::vector<double> mean = {}, std = {};
  double max_value = 255;
  std::string precision = "f32";   // what it computes in: f32, tf32 (for which set_tf32 must be called too), bf16 or f16
};
AnyModule make_network(const Network& network);  // with fresh weights
DType precision_of(const Network& network);      // throws Error for a name that is none
Network network_for(const std::string& model, const std::string& data, const ImageDataset& images);

void save_checkpoint(const std::filesystem::path& file, const AnyModule& model, const Network& network);
// Throws IoError if the file cannot be read, Error if it is no checkpoint of mica's or its tensors do not fit its model.
std::pair<AnyModule, Network> load_checkpoint(const std::filesystem::path& file);

// Where a training is: all that a resumed run needs to go on exactly as if it had not stopped. state.safetensors holds it with the weights, the
// optimizer's state and the averaged weights.
struct Progressed {
  int epoch = 0;                     // epochs that are complete
  std::int64_t batch = 0, step = 0;  // batches of the next epoch that are done; steps in all
  double loss_sum = 0;               // over those batches' images
  std::int64_t images = 0;           // in those batches
  double training_seconds = 0, seconds = 0;
  std::int64_t images_in_all = 0;
  double rate = 0, plateau_best = 0; // of a plateau schedule
  std::int64_t plateau_bad = 0;
  LossScale::State loss_scale = {};  // of f16
  RandomState random = {};
};
void save_state(const std::filesystem::path& file, const AnyModule& model, const Optimizer& optimizer, const Ema* ema, const Progressed& progressed);
Progressed load_state(const std::filesystem::path& file, AnyModule& model, Optimizer& optimizer, Ema* ema);

}  // namespace mica::tools
