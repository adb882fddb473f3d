#pragma once
#include <cub/warp/warp_reduce.cuh>
// <cub/block/block_scan.cuh>
namespace cub {
enum BlockScanAlgorithm { BLOCK_SCAN_RAKING, BLOCK_SCAN_RAKING_MEMOIZE, BLOCK_SCAN_WARP_SCANS };

// Scans over the values of a block's threads, one or a few in a row each. `total`, of all values without the initial one, is valid in every
// thread. The storage must not be used again before a barrier.
template <class T, int x, BlockScanAlgorithm algorithm = BLOCK_SCAN_RAKING, int y = 1, int z = 1> class BlockScan {
  static constexpr int threads = x * y * z;
  using Place = detail::Place;
  using Plus = ::cuda::std::plus<>;

 public:
  struct TempStorage { T values[threads]; };
  explicit BlockScan(TempStorage& storage) : storage_(storage) {}

  template <class F> __forceinline__ void InclusiveScan(T value, T& result, F f, T& total, Place where = Place::current()) {
    scan(value, f, where);
    result = storage_.values[mica::emulator::thread_rank()];
    total = storage_.values[threads - 1];
  }
  template <class F> __forceinline__ void ExclusiveScan(T value, T& result, T initial, F f, T& total, Place where = Place::current()) {
    scan(value, f, where);
    result = before(initial, f);
    total = storage_.values[threads - 1];
  }
  template <int n, class F> __forceinline__ void InclusiveScan(T (&values)[n], T (&results)[n], F f, T& total, Place where = Place::current()) {
    scan(whole(values, f), f, where);
    T sum = values[0];
    if (const unsigned rank = mica::emulator::thread_rank()) sum = f(storage_.values[rank - 1], sum);
    for (int i = 0; i < n; ++i) {
      const T next = i + 1 < n ? f(sum, values[i + 1]) : sum;  // results may be values
      results[i] = sum;
      sum = next;
    }
    total = storage_.values[threads - 1];
  }
  template <int n, class F> __forceinline__ void ExclusiveScan(T (&values)[n], T (&results)[n], T initial, F f, T& total, Place where = Place::current()) {
    scan(whole(values, f), f, where);
    T sum = before(initial, f);
    for (int i = 0; i < n; ++i) {
      const T next = f(sum, values[i]);
      results[i] = sum;
      sum = next;
    }
    total = storage_.values[threads - 1];
  }

  template <class F> __forceinline__ void InclusiveScan(T value, T& result, F f, Place where = Place::current()) {
    T total;
    InclusiveScan(value, result, f, total, where);
  }
  template <class F> __forceinline__ void ExclusiveScan(T value, T& result, T initial, F f, Place where = Place::current()) {
    T total;
    ExclusiveScan(value, result, initial, f, total, where);
  }
  template <int n, class F> __forceinline__ void InclusiveScan(T (&values)[n], T (&results)[n], F f, Place where = Place::current()) {
    T total;
    InclusiveScan(values, results, f, total, where);
  }
  template <int n, class F> __forceinline__ void ExclusiveScan(T (&values)[n], T (&results)[n], T initial, F f, Place where = Place::current()) {
    T total;
    ExclusiveScan(values, results, initial, f, total, where);
  }

  __forceinline__ void InclusiveSum(T value, T& result, Place where = Place::current()) { InclusiveScan(value, result, Plus(), where); }
  __forceinline__ void InclusiveSum(T value, T& result, T& total, Place where = Place::current()) { InclusiveScan(value, result, Plus(), total, where); }
  __forceinline__ void ExclusiveSum(T value, T& result, Place where = Place::current()) { ExclusiveScan(value, result, T(), Plus(), where); }
  __forceinline__ void ExclusiveSum(T value, T& result, T& total, Place where = Place::current()) { ExclusiveScan(value, result, T(), Plus(), total, where); }
  template <int n> __forceinline__ void InclusiveSum(T (&values)[n], T (&results)[n], Place where = Place::current()) {
    InclusiveScan(values, results, Plus(), where);
  }
  template <int n> __forceinline__ void InclusiveSum(T (&values)[n], T (&results)[n], T& total, Place where = Place::current()) {
    InclusiveScan(values, results, Plus(), total, where);
  }
  template <int n> __forceinline__ void ExclusiveSum(T (&values)[n], T (&results)[n], Place where = Place::current()) {
    ExclusiveScan(values, results, T(), Plus(), where);
  }
  template <int n> __forceinline__ void ExclusiveSum(T (&values)[n], T (&results)[n], T& total, Place where = Place::current()) {
    ExclusiveScan(values, results, T(), Plus(), total, where);
  }

 private:
  template <int n, class F> static T whole(const T (&values)[n], F f) {
    T result = values[0];
    for (int i = 1; i < n; ++i) result = f(result, values[i]);
    return result;
  }
  // Leaves in the storage the scan of all threads' values, each one's own included.
  template <class F> __forceinline__ void scan(T value, F f, const Place& where) {
    mica::emulator::expect_threads(threads, "cub::BlockScan", where);
    const unsigned rank = mica::emulator::thread_rank();
    storage_.values[rank] = value;
    mica::emulator::barrier("cub::BlockScan", where);
    for (int i = 1; rank == 0 && i < threads; ++i) storage_.values[i] = f(storage_.values[i - 1], storage_.values[i]);
    mica::emulator::barrier("cub::BlockScan", where);
  }
  template <class F> __forceinline__ T before(T initial, F f) {
    const unsigned rank = mica::emulator::thread_rank();
    return rank ? f(initial, storage_.values[rank - 1]) : initial;
  }
  TempStorage& storage_;
};

}  // namespace cub
