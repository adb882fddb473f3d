#pragma once
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/reduction.h"
// What the kernels of losses against class indices share.
namespace mica {

// Labels and their weights on the host.
struct Labels {
  std::vector<int64_t> label;
  std::vector<double> weight;  // of the classes; empty: 1
  int64_t ignore;
  Labels(const Tensor& labels, const Tensor& class_weight, int64_t ignore) : label(labels.to_vector<int64_t>()), ignore(ignore) {
    if (class_weight) weight = class_weight.to_vector<double>();
  }
  bool counts(int64_t row) const { return label[size_t(row)] != ignore; }
  double of(int64_t row) const { return weight.empty() ? 1 : weight[size_t(label[size_t(row)])]; }
  double sum() const {  // over the labels that count
    double s = 0;
    for (size_t i = 0; i < label.size(); ++i) if (label[i] != ignore) s += of(int64_t(i));
    return s;
  }
  void check(const Tensor& labels, int64_t classes) const {
    for (size_t i = 0; i < label.size(); ++i) {
      if (label[i] == ignore || (label[i] >= 0 && label[i] < classes)) continue;
      Shape at = labels.shape();
      for (int64_t d = at.rank() - 1, left = int64_t(i); d >= 0; left /= labels.shape()[int(d--)]) at[int(d)] = left % labels.shape()[int(d)];
      throw Error("labels" + to_string(at) + " is " + std::to_string(label[i]) + "; it must be in [0, " + std::to_string(classes) + ")");
    }
  }
};
// The loss from those of the rows; `over`: what a mean is divided by.
inline void reduce_losses(const std::vector<double>& losses, Reduction reduction, double over, const Tensor& loss) {
  if (reduction == Reduction::none) return copy_into(loss, from(losses, loss.shape()));
  double total = 0;
  for (double v : losses) total += v;
  if (reduction == Reduction::mean) total /= over;
  dispatch_float(loss.dtype(), [&]<class T>(T) { *output<T>(loss) = T(Compute<T>(total)); });
}
// The gradient by the loss of a row.
struct LossGradient {
  std::vector<double> dloss;
  double over;
  LossGradient(const Tensor& dy, Reduction reduction, double sum) : dloss(dy.to_vector<double>()), over(reduction == Reduction::mean ? sum : 1) {}
  double operator()(int64_t row) const { return dloss[dloss.size() == 1 ? 0 : size_t(row)] / over; }
};

}  // namespace mica
