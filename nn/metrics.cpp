#include "mica/nn/metrics.h"
#include <cmath>
#include "mica/core/create.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/reduce.h"
#include "mica/core/ops/view.h"

namespace mica {
namespace {
void check(const char* metric, const Tensor& logits, const Tensor& labels) {
  if (logits.rank() != 2 || labels.rank() != 1 || labels.size(0) != logits.size(0) || is_float(labels.dtype()))
    throw Error(std::string(metric) + " takes logits [n, classes] and integer labels [n]\n  logits: " + describe(logits) + "\n  labels: " + describe(labels));
}
}  // namespace

void MeanMetric::add(const Tensor& value, int64_t examples) {
  NoGrad no_grad;
  const Tensor weighted = reshape(cast(value.detach(), f64), {}) * double(examples);
  sum_ = sum_ ? sum_ + weighted : weighted;
  examples_ += examples;
}
double MeanMetric::sum() const { return sum_ ? sum_.item() : 0; }
double MeanMetric::value() const { return examples_ ? sum() / double(examples_) : NAN; }

void AccuracyMetric::add(const Tensor& logits, const Tensor& labels) {
  NoGrad no_grad;
  check("AccuracyMetric", logits, labels);
  const Tensor is_label = unsqueeze(cast(labels, i64), 1) == arange(0, logits.size(1), 1, {i64, logits.device()});
  const Tensor of_label = max(where(is_label, logits, full_like(logits, -HUGE_VAL)), {.dims = {1}, .keepdim = true});
  const Tensor above = sum(logits > of_label, {.dims = {1}});
  correct_.add(mean(cast(above < k_, f32)), logits.size(0));
}

void ConfusionMetric::add(const Tensor& logits, const Tensor& labels) {
  NoGrad no_grad;
  check("ConfusionMetric", logits, labels);
  if (logits.size(1) != classes_) throw Error("ConfusionMetric of " + std::to_string(classes_) + " classes\n  logits: " + describe(logits));
  if (!counts_) counts_ = zeros({classes_ * classes_}, {i64, logits.device()});
  const Tensor place = cast(labels, i64) * classes_ + argmax(logits, 1);
  counts_ = counts_ + sum(unsqueeze(place, 1) == arange(0, classes_ * classes_, 1, {i64, logits.device()}), {.dims = {0}});
}
std::vector<int64_t> ConfusionMetric::counts() const {
  return counts_ ? counts_.to_vector<int64_t>() : std::vector<int64_t>(size_t(classes_ * classes_));
}

}  // namespace mica
