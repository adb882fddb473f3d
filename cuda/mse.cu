#include "mica/core/ops/mse.h"
#include "mica/cuda/elementwise_loss.h"

namespace mica {
namespace {
// A thread takes elements in turn. 2 sizeof(T) bytes per element, 3 operations per element. Deterministic.
template <class C> __global__ void mse_kernel(Walk<2> walk, Operand x, Operand target, Losses losses) {
  MICA_SHARED(double, parts, [32]);
  C sum = 0;
  int64_t count = 0;
#pragma unroll 4
  for (int64_t i = thread_number(); i < walk.places.count; i += int64_t(gridDim.x) * blockDim.x) {
    int64_t at[2];
    walk(i, at);
    const C d = x.at(at[0], C(0)) - target.at(at[1], C(0));
    sum += d * d;
    ++count;
  }
  losses.finish(double(sum), double(count), &parts[0]);
}
// One thread writes the gradients of one element. 4 sizeof(T) bytes per element where both gradients are wanted, 4 operations per element.
// Deterministic.
template <class C> __global__ void mse_back_kernel(Walk<4> walk, Operand x, Operand target, Operand dloss, double over, Operand dx, Operand dtarget) {
  const int64_t i = thread_number();
  if (i >= walk.places.count) return;
  int64_t at[4];
  walk(i, at);
  const C d = C(2 * dloss.at(0, 0.0) / over) * (x.at(at[0], C(0)) - target.at(at[1], C(0)));
  dx.put(at[2], d);
  dtarget.put(at[3], -d);
}
}  // namespace

void op::Mse::forward(const Cuda& on, const Tensor& x, const Tensor& target, Tensor& loss) const {
  in_type_of(loss, [&]<class C>(C) {
    reduce_elements(on, reduction, x.size(), loss, [&](dim3 blocks, const Losses& losses) {
      launch(on, {blocks, block_threads}, mse_kernel<C>, Walk<2>(x, target), Operand(x), Operand(target), losses);
    });
  });
}
void op::Mse::backward(const Cuda& on, const Tensor& x, const Tensor& target, const Tensor& loss, const Tensor& dloss, Tensor& dx, Tensor& dtarget) const {
  if (x.size() == 0) return;
  in_type_of(loss, [&]<class C>(C) {
    launch(on, {blocks_for(x.size()), block_threads}, mse_back_kernel<C>, Walk<4>(x, target, dx, dtarget), Operand(x), Operand(target), Operand(dloss),
           reduction == Reduction::mean ? double(x.size()) : 1.0, Operand(dx), Operand(dtarget));
  });
}

}  // namespace mica
