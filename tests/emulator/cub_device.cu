#include <cub/cub.cuh>
#include <cuda/functional>
#include <cuda/std/functional>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include "mica/tests/emulator/cub.h"
namespace cub_functions {
namespace {
struct RowBegin {
  int64_t columns;
  __host__ __device__ int64_t operator()(int64_t row) const { return row * columns; }
};
struct IsNonzero {
  const float* x;
  __device__ bool operator()(int64_t i) const { return x[i] != 0; }
};
}  // namespace

cudaError_t sum(void* storage, size_t& bytes, const float* x, double* y, int64_t n, cudaStream_t stream) {
  return cub::DeviceReduce::Sum(storage, bytes, x, y, n, stream);  // here: sum
}
cudaError_t sum(void* storage, size_t& bytes, const int8_t* x, int* y, int64_t n, cudaStream_t stream) {
  return cub::DeviceReduce::Sum(storage, bytes, x, y, n, stream);
}
cudaError_t largest(void* storage, size_t& bytes, const __half* x, __half* y, int64_t n, cudaStream_t stream) {
  return cub::DeviceReduce::Max(storage, bytes, x, y, n, stream);
}
cudaError_t smallest(void* storage, size_t& bytes, const int* x, int* y, int n, cudaStream_t stream) {
  return cub::DeviceReduce::Min(storage, bytes, x, y, n, stream);
}
cudaError_t product(void* storage, size_t& bytes, const float* x, float* y, int n, float initial, cudaStream_t stream) {
  return cub::DeviceReduce::Reduce(storage, bytes, x, y, n, cuda::std::multiplies<>(), initial, stream);
}
cudaError_t row_sums(void* storage, size_t& bytes, const float* x, float* y, int64_t rows, int columns, cudaStream_t stream) {
  const auto begins = thrust::make_transform_iterator(thrust::make_counting_iterator(int64_t(0)), RowBegin{columns});
  return cub::DeviceSegmentedReduce::Sum(storage, bytes, x, y, rows, begins, begins + 1, stream);
}
cudaError_t segment_largest(void* storage, size_t& bytes, const float* x, float* y, int64_t segments, const int64_t* ends, cudaStream_t stream) {
  return cub::DeviceSegmentedReduce::Max(storage, bytes, x, y, segments, ends, ends + 1, stream);
}
cudaError_t segment_smallest(void* storage, size_t& bytes, const float* x, float* y, int64_t segments, const int64_t* ends, cudaStream_t stream) {
  return cub::DeviceSegmentedReduce::Min(storage, bytes, x, y, segments, ends, ends + 1, stream);
}
cudaError_t segment_product(void* storage, size_t& bytes, const float* x, float* y, int64_t segments, const int64_t* ends, cudaStream_t stream) {
  return cub::DeviceSegmentedReduce::Reduce(storage, bytes, x, y, segments, ends, ends + 1, cuda::std::multiplies<>(), 1.0f, stream);
}
cudaError_t inclusive_sum(void* storage, size_t& bytes, const int* x, int64_t* y, int64_t n, cudaStream_t stream) {
  return cub::DeviceScan::InclusiveSum(storage, bytes, x, y, n, stream);
}
cudaError_t exclusive_sum(void* storage, size_t& bytes, const int* x, int* y, int64_t n, cudaStream_t stream) {
  return cub::DeviceScan::ExclusiveSum(storage, bytes, x, y, n, stream);
}
cudaError_t running_largest(void* storage, size_t& bytes, const float* x, float* y, int64_t n, cudaStream_t stream) {
  return cub::DeviceScan::InclusiveScan(storage, bytes, x, y, cuda::maximum<>(), n, stream);
}
cudaError_t largest_before(void* storage, size_t& bytes, const float* x, float* y, float initial, int64_t n, cudaStream_t stream) {
  return cub::DeviceScan::ExclusiveScan(storage, bytes, x, y, cuda::maximum<>(), initial, n, stream);
}
cudaError_t flagged(void* storage, size_t& bytes, const float* x, const bool* flags, float* y, int64_t* selected, int64_t n, cudaStream_t stream) {
  return cub::DeviceSelect::Flagged(storage, bytes, x, flags, y, selected, n, stream);  // here: flagged
}
cudaError_t places_of_nonzero(void* storage, size_t& bytes, const float* x, int64_t* places, int64_t* selected, int64_t n, cudaStream_t stream) {
  return cub::DeviceSelect::If(storage, bytes, thrust::make_counting_iterator(int64_t(0)), places, selected, n, IsNonzero{x}, stream);
}
cudaError_t sort(void* storage, size_t& bytes, const float* keys, float* sorted, const int64_t* values, int64_t* sorted_values, int64_t n, cudaStream_t stream) {
  return cub::DeviceRadixSort::SortPairs(storage, bytes, keys, sorted, values, sorted_values, n, 0, 32, stream);  // here: sort
}
cudaError_t sort_descending(void* storage, size_t& bytes, const __nv_bfloat16* keys, __nv_bfloat16* sorted, const int* values, int* sorted_values, int64_t n,
                            cudaStream_t stream) {
  return cub::DeviceRadixSort::SortPairsDescending(storage, bytes, keys, sorted, values, sorted_values, n, 0, 16, stream);
}
cudaError_t sort_by_bits(void* storage, size_t& bytes, const int* keys, int* sorted, int64_t n, int first, int last, cudaStream_t stream) {
  return cub::DeviceRadixSort::SortKeys(storage, bytes, keys, sorted, n, first, last, stream);
}
cudaError_t sort_segments(void* storage, size_t& bytes, const float* keys, float* sorted, const int* values, int* sorted_values, int64_t n, int64_t segments,
                          const int* begins, const int* ends, bool descending, cudaStream_t stream) {
  if (descending) return cub::DeviceSegmentedSort::StableSortPairsDescending(storage, bytes, keys, sorted, values, sorted_values, n, segments, begins, ends, stream);
  return cub::DeviceSegmentedSort::StableSortPairs(storage, bytes, keys, sorted, values, sorted_values, n, segments, begins, ends, stream);
}
cudaError_t runs(void* storage, size_t& bytes, const int* x, int* unique, int* lengths, int* count, int n, cudaStream_t stream) {
  return cub::DeviceRunLengthEncode::Encode(storage, bytes, x, unique, lengths, count, n, stream);
}
}  // namespace cub_functions
