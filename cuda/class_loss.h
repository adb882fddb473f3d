#pragma once
#include "mica/core/ops/reduction.h"
#include "mica/cuda/fault.h"
#include "mica/cuda/fold.h"
// What the kernels of losses against class indices share. One row has one label.
namespace mica {

// Labels, and the weights of the classes, as kernels read them.
struct Labels {
  const char* op;
  Fault* fault;
  const void *label, *weight;  // weight may be null: 1
  DType label_dtype, weight_dtype;
  int64_t classes, ignore;
  Labels(const Cuda& on, const char* op, const Tensor& labels, const Tensor& class_weight, int64_t classes, int64_t ignore)
      : op(op), fault(fault_of(on)), label(address(labels)), weight(class_weight ? address(class_weight) : nullptr), label_dtype(labels.dtype()),
        weight_dtype(class_weight ? class_weight.dtype() : f32), classes(classes), ignore(ignore) {}
  // The class of a row, or -1 where the row does not count: it is to be ignored, or is none of the classes (the thread with `reports` says so).
  __device__ __forceinline__ int64_t of(int64_t row, bool reports) const {
    const int64_t l = load<int64_t>(label, label_dtype, row);
    if (l == ignore) return -1;
    if (l >= 0 && l < classes) return l;
    if (reports) report(fault, op, "label", l, 0, classes);
    return -1;
  }
  template <class C> __device__ __forceinline__ C weight_of(int64_t label) const { return weight ? load<C>(weight, weight_dtype, label) : C(1); }
};

// The sum over all threads of a block of any shape, in all of them. parts: shared memory for a double of each warp.
__device__ inline double sum_in_block(double mine, double* parts) {
  for (int step = 16; step; step /= 2) mine += __shfl_xor_sync(~0u, mine, step);
  const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x, warps = blockDim.x * blockDim.y / 32;
  __syncthreads();  // what was in parts has been read
  if (thread % 32 == 0) parts[thread / 32] = mine;
  __syncthreads();
  double all = 0;
  for (unsigned w = 0; w < warps; ++w) all += parts[w];
  return all;
}

// Where forward puts the losses of rows: each one, or sums over the blocks that another kernel adds.
struct Losses {
  struct Sum { double loss, weight; };
  void* each;            // one per row, or null
  DType dtype;
  Sum* of_block;
  __device__ __forceinline__ void put(int64_t row, double loss) const { if (each) store(each, dtype, row, loss); }
  __device__ void finish(double loss, double weight, double* parts) const {  // what this thread's rows have, at the end of the kernel
    if (each) return;
    const double all_loss = sum_in_block(loss, parts), all_weight = sum_in_block(weight, parts);
    if (threadIdx.x == 0 && threadIdx.y == 0) of_block[blockIdx.x] = {all_loss, all_weight};
  }
};
// The gradient by the loss of a row.
struct LossGradient {
  const void* dloss;
  DType dtype;
  bool each;
  const double* over;    // what the mean is divided by, or null
  LossGradient(const Tensor& dloss, Reduction reduction, const Tensor& weight_sum)
      : dloss(address(dloss)), dtype(dloss.dtype()), each(reduction == Reduction::none), over(reduction == Reduction::mean ? output<double>(weight_sum) : nullptr) {}
  template <class C> __device__ __forceinline__ C of(int64_t row) const {
    const C d = load<C>(dloss, dtype, each ? row : 0);
    return over ? d / C(*over) : d;
  }
};

// One block adds the sums of n blocks, in order: loss, divided by the weights where it is a mean, and weight_sum, if it is not null. cuda/nll.cu.
void finish_losses(const Cuda& on, bool mean, const Losses::Sum* sums, int64_t n, const Tensor& loss, double* weight_sum);

constexpr int64_t most_loss_blocks = 2048;
// Runs forward(blocks, losses), which is not called for no rows, and finishes `loss`; weight_sum becomes what a mean was divided by.
template <class F> void reduce_losses(const Cuda& on, Reduction reduction, int64_t rows, int64_t rows_per_block, const Tensor& loss, Tensor& weight_sum, F&& forward) {
  const bool each = reduction == Reduction::none;
  const int64_t blocks = std::min(most_loss_blocks, (rows + rows_per_block - 1) / rows_per_block);
  const Scratch sums(on, each ? 0 : size_t(blocks) * sizeof(Losses::Sum));
  if (rows > 0) forward(dim3(unsigned(blocks)), Losses{each ? address(loss) : nullptr, loss.dtype(), sums.as<Losses::Sum>()});
  if (each) return;
  weight_sum = empty({}, {f64, loss.device()});
  finish_losses(on, reduction == Reduction::mean, sums.as<Losses::Sum>(), blocks, loss, output<double>(weight_sum));
}

}  // namespace mica
