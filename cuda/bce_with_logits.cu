#include "mica/core/ops/bce_with_logits.h"
#include "mica/core/math.h"
#include "mica/cuda/elementwise_loss.h"

namespace mica {
namespace {
// The inputs of one element, its loss and its derivative.
template <class C> struct Element {
  C x, t, weight, positive;
  __device__ Element(const Operand& logits, const Operand& target, const Operand& w, const Operand& pos_weight, const int64_t* at)
      : x(logits.at(at[0], C(0))), t(target.at(at[1], C(0))), weight(w.at(at[2], C(1))), positive(C(1) + (pos_weight.at(at[3], C(1)) - C(1)) * t) {}
  __device__ C loss() const { return weight * ((1 - t) * x + positive * ((-x < C(0) ? C(0) : -x) + math::log1p(math::exp(-math::abs(x))))); }
  __device__ C slope() const { return weight * ((1 - t) - positive / (1 + math::exp(x))); }
};

// A thread takes elements in turn. 2 sizeof(T) bytes per element, and those of the weights and single losses that there are;
// 30 operations per element. Deterministic.
template <class C> __global__ void bce_kernel(Walk<5> walk, Operand x, Operand t, Operand weight, Operand pos_weight, Operand each, Losses losses) {
  MICA_SHARED(double, parts, [32]);
  C sum = 0;
  int64_t count = 0;
  for (int64_t i = thread_number(); i < walk.places.count; i += int64_t(gridDim.x) * blockDim.x) {
    int64_t at[5];
    walk(i, at);
    const C loss = Element<C>(x, t, weight, pos_weight, at).loss();
    each.put(at[4], loss);
    sum += loss;
    ++count;
  }
  if (losses.of_block) losses.finish(double(sum), double(count), &parts[0]);
}
// One thread writes the gradient of one element. 3 sizeof(T) bytes per element, and those of the weights that there are;
// 30 operations per element. Deterministic.
template <class C> __global__ void bce_back_kernel(Walk<6> walk, Operand x, Operand t, Operand weight, Operand pos_weight, bool each, Operand dloss, double over, Operand dx) {
  const int64_t i = thread_number();
  if (i >= walk.places.count) return;
  int64_t at[6];
  walk(i, at);
  dx.put(at[5], C(dloss.at(each ? at[4] : 0, 0.0) / over) * Element<C>(x, t, weight, pos_weight, at).slope());
}
}  // namespace

void op::BceWithLogits::forward(const Cuda& on, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, Tensor& loss) const {
  const Tensor each = reduction == Reduction::none ? loss : Tensor();
  in_type_of(loss, [&]<class C>(C) {
    reduce_elements(on, reduction, logits.size(), loss, [&](dim3 blocks, const Losses& losses) {
      launch(on, {blocks, block_threads}, bce_kernel<C>, Walk<5>(logits, target, weight, pos_weight, each), Operand(logits), Operand(target), Operand(weight), Operand(pos_weight),
             Operand(each), losses);
    });
  });
}
void op::BceWithLogits::backward(const Cuda& on, const Tensor& logits, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, const Tensor& loss, const Tensor& dloss,
                                 Tensor& dlogits, Tensor&, Tensor&, Tensor&) const {
  if (logits.size() == 0) return;
  const bool each = reduction == Reduction::none;
  in_type_of(loss, [&]<class C>(C) {
    launch(on, {blocks_for(logits.size()), block_threads}, bce_back_kernel<C>, Walk<6>(logits, target, weight, pos_weight, each ? dloss : Tensor(), dlogits), Operand(logits),
           Operand(target), Operand(weight), Operand(pos_weight), each, Operand(dloss), reduction == Reduction::mean ? double(logits.size()) : 1.0, Operand(dlogits));
  });
}

}  // namespace mica
