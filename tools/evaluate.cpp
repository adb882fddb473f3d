#include "mica/tools/evaluate.h"

#include <algorithm>
#include <cmath>

#include "mica/core/ops/cross_entropy.h"
#include "mica/core/ops/softmax.h"
#include "mica/data/batches.h"
#include "mica/nn/metrics.h"
#include "mica/nn/module.h"

namespace mica::tools {

Picture picture_of(const ImageDataset& images, std::int64_t row) {
  const Tensor pixels = images.pixels(row);
  Picture picture{static_cast<int>(images.width()), static_cast<int>(images.height()), images.channels() == 3 ? 3 : 1, {}};
  const std::vector<std::uint8_t> values = pixels.to_vector<std::uint8_t>();
  const std::size_t step = images.channels() == 3 ? 1 : static_cast<std::size_t>(images.channels());
  for (std::size_t i = 0; i < values.size(); i += step)
    picture.pixels.push_back(static_cast<std::uint8_t>(std::lround(std::min(255.0, values[i] * 255.0 / images.options().max_value))));
  return picture;
}

Evaluation evaluate(AnyModule& model, const ImageDataset& images, const EvaluateOptions& options) {
  NoGrad no_grad;
  set_training(model, false);
  Evaluation result;
  MeanMetric loss;
  ConfusionMetric confusion(static_cast<std::int64_t>(images.classes().size()));
  std::int64_t done = 0;
  for (const auto& [x, labels] : batches(images, {.size = options.batch, .device = options.device})) {
    const Tensor logits = model(x);
    loss.add(cross_entropy(logits, labels), x.size(0));
    confusion.add(logits, labels);
    if (options.mistakes > 0) {
      const std::vector<float> p = softmax(logits).to_vector<float>();
      const std::vector<std::int64_t> truth = labels.to_vector<std::int64_t>();
      const std::size_t classes = images.classes().size();
      for (std::size_t i = 0; i < truth.size(); ++i) {
        const auto row = p.begin() + static_cast<std::ptrdiff_t>(i * classes);
        const auto best = std::max_element(row, row + static_cast<std::ptrdiff_t>(classes));
        if (best - row == truth[i]) continue;
        result.mistakes.push_back({picture_of(images, done + static_cast<std::int64_t>(i)), static_cast<int>(truth[i]), static_cast<int>(best - row), *best});
      }
      std::stable_sort(result.mistakes.begin(), result.mistakes.end(), [](const Mistake& a, const Mistake& b) { return a.confidence > b.confidence; });
      if (result.mistakes.size() > static_cast<std::size_t>(options.mistakes)) result.mistakes.resize(static_cast<std::size_t>(options.mistakes));
    }
    done += x.size(0);
    if (options.progress) options.progress(done);
  }
  result.loss = loss.value();
  result.confusion = {images.classes(), confusion.counts()};
  return result;
}

}  // namespace mica::tools
