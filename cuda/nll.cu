#include "mica/core/ops/nll.h"
#include "mica/cuda/class_loss.h"
namespace mica {
namespace {
// One block adds up the sums of the others. 16 bytes per block, 2 operations per block. Deterministic.
__global__ void finish_losses_kernel(bool mean, const Losses::Sum* sums, int64_t n, void* loss, DType dtype, double* weight_sum) {
  MICA_SHARED(double, parts, [32]);
  double total = 0, weight = 0;
  for (int64_t i = threadIdx.x; i < n; i += blockDim.x) { total += sums[i].loss; weight += sums[i].weight; }
  total = sum_in_block(total, &parts[0]);
  weight = sum_in_block(weight, &parts[0]);
  if (threadIdx.x != 0) return;
  store(loss, dtype, 0, mean ? total / weight : total);
  if (weight_sum) *weight_sum = weight;
}

// A thread takes rows in turn. (32 + sizeof(label)) bytes per row, of which 32 are the part of a line that memory gives; 3 operations per row.
// Deterministic.
template <class T> __global__ void nll_kernel(Labels labels, int64_t rows, const T* x, Losses losses) {
  MICA_SHARED(double, parts, [32]);
  double loss = 0, weight = 0;
  for (int64_t row = thread_number(); row < rows; row += int64_t(gridDim.x) * blockDim.x) {
    const int64_t l = labels.of(row, true);
    const double w = l < 0 ? 0 : labels.weight_of<double>(l), mine = l < 0 ? 0 : -w * double(wide(x[row * labels.classes + l]));
    losses.put(row, mine);
    loss += mine;
    weight += w;
  }
  losses.finish(loss, weight, &parts[0]);
}
// One thread writes the gradient at the label of one row; the others are 0. (32 + sizeof(label)) bytes per row, 3 operations per row.
// Deterministic.
template <class T> __global__ void nll_back_kernel(Labels labels, LossGradient g, int64_t rows, T* dx) {
  const int64_t row = thread_number();
  if (row >= rows) return;
  const int64_t l = labels.of(row, false);
  if (l >= 0) dx[row * labels.classes + l] = narrow<T>(-labels.weight_of<Compute<T>>(l) * g.of<Compute<T>>(row));
}
}  // namespace

void finish_losses(const Cuda& on, bool mean, const Losses::Sum* sums, int64_t n, const Tensor& loss, double* weight_sum) {
  launch(on, {1, n > 256 ? 512u : 32u}, finish_losses_kernel, mean, sums, n, address(loss), loss.dtype(), weight_sum);
}

void op::Nll::forward(const Cuda& on, const Tensor& x, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const {
  const Labels l(on, name, labels, weight, x.size(1), ignore_index);
  reduce_losses(on, reduction, labels.size(), block_threads, loss, state.weight_sum, [&](dim3 blocks, const Losses& losses) {
    dispatch_float(x.dtype(), [&]<class T>(T) { launch(on, {blocks, block_threads}, nll_kernel<T>, l, labels.size(), output<T>(x), losses); });
  });
}
void op::Nll::backward(const Cuda& on, const Tensor& x, const Tensor& labels, const Tensor& weight, const Tensor&, const State& state, const Tensor& dloss, Tensor& dx, Tensor&,
                       Tensor&) const {
  if (x.size() == 0) return;
  const Labels l(on, name, labels, weight, x.size(1), ignore_index);
  fill_kernel(on, 0, dx);
  dispatch_float(x.dtype(), [&]<class T>(T) {
    launch(on, {blocks_for(labels.size()), block_threads}, nll_back_kernel<T>, l, LossGradient(dloss, reduction, state.weight_sum), labels.size(), output<T>(dx));
  });
}

}  // namespace mica
