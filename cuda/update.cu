#include "mica/core/ops/update_rules.h"
#include "mica/cuda/number.h"
// The optimizers' rules, each over all parts in one launch: a table of the parts is passed as the kernel's argument, and a block takes a chunk of one.
namespace mica {
namespace {
constexpr int packs = 4, most_parts = 128;  // packs of 16 bytes per thread; parts of a launch (Volta and later take 32 KiB of arguments)
template <class T> constexpr int64_t chunk = int64_t(packs) * per_16_bytes<T> * block_threads;

template <int states> struct Share {        // a part as the kernel sees it
  void* w;
  const void* g;
  void* s[states ? states : 1];
  void* shadow;
  int64_t n;
  unsigned first;                           // chunk of the launch
  DType shadow_dtype;
  bool vectors;                             // all of it lies on whole packs
};
template <int states> struct Shares {
  int count = 0;
  Share<states> of[most_parts];
};

// The last part that begins at chunk `at` or before.
template <int states> __device__ __forceinline__ int part_of(const Shares<states>& shares, unsigned at) {
  int low = 0, high = shares.count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (shares.of[middle].first <= at) low = middle; else high = middle - 1;
  }
  return low;
}
template <class H, int n> __device__ __forceinline__ void store_half(void* shadow, int64_t i, const float* w) {
  Pack<H, n> half;
#pragma unroll
  for (int j = 0; j < n; ++j) half.v[j] = narrow<H>(w[j]);
  *reinterpret_cast<Pack<H, n>*>(static_cast<H*>(shadow) + i) = half;
}

// n neighbours of a part from i on: loaded, changed by the rule and stored at once.
template <class R, class T, int n> __device__ __forceinline__ void change(const R& rule, const Share<R::states>& part, int64_t i) {
  using P = Pack<T, n>;
  P w = *reinterpret_cast<const P*>(static_cast<const T*>(part.w) + i), s[R::states ? R::states : 1];
  const P g = *reinterpret_cast<const P*>(static_cast<const T*>(part.g) + i);
#pragma unroll
  for (int k = 0; k < R::states; ++k) s[k] = *reinterpret_cast<const P*>(static_cast<const T*>(part.s[k]) + i);
#pragma unroll
  for (int j = 0; j < n; ++j) {
    T state[3] = {};
#pragma unroll
    for (int k = 0; k < R::states; ++k) state[k] = s[k].v[j];
    rule(w.v[j], g.v[j], state);
#pragma unroll
    for (int k = 0; k < R::states; ++k) s[k].v[j] = state[k];
  }
  *reinterpret_cast<P*>(static_cast<T*>(part.w) + i) = w;
#pragma unroll
  for (int k = 0; k < R::states; ++k) *reinterpret_cast<P*>(static_cast<T*>(part.s[k]) + i) = s[k];
  if constexpr (std::is_same_v<T, float>) if (part.shadow) {
    if (part.shadow_dtype == bf16) store_half<bfloat16, n>(part.shadow, i, w.v);
    else store_half<float16, n>(part.shadow, i, w.v);
  }
}

// One thread changes up to 4 packs of 16 bytes of one part, by `rule`, or by what `varying` points to. (3 + 2 states) sizeof(T) bytes per element,
// 2 more with a shadow. 3 to 15 operations per element. Deterministic.
template <class R, class T> __global__ void update_parts_kernel(R rule, const R* varying, Shares<R::states> shares) {
  if (varying) rule = *varying;
  constexpr int width = per_16_bytes<T>;
  const Share<R::states>& part = shares.of[part_of(shares, blockIdx.x)];
  const int64_t begin = int64_t(blockIdx.x - part.first) * chunk<T>;
  for (int k = 0; k < packs; ++k) {
    const int64_t i = begin + (int64_t(k) * block_threads + threadIdx.x) * width;
    if (part.vectors && i + width <= part.n) change<R, T, width>(rule, part, i);
    else for (int64_t j = i; j < part.n && j < i + width; ++j) change<R, T, 1>(rule, part, j);
  }
}

template <class R, class T> void update_parts(const Cuda& on, const R& rule, const R* varying, std::span<const rule::Part> parts) {
  Shares<R::states> shares;
  unsigned chunks = 0;
  const auto flush = [&] {
    if (shares.count) launch(on, {dim3(chunks), block_threads}, update_parts_kernel<R, T>, rule, varying, shares);
    shares.count = 0;
    chunks = 0;
  };
  for (const rule::Part& part : parts) {
    if (part.dtype != dtype_of<T> || part.n == 0) continue;
    if (shares.count == most_parts) flush();
    Share<R::states>& share = shares.of[shares.count++];
    share = {part.w, part.g, {}, part.shadow, part.n, chunks, part.shadow_dtype, aligned_16(part.w) && aligned_16(part.g) && aligned_16(part.shadow)};
    for (int k = 0; k < R::states; ++k) { share.s[k] = part.s[k]; share.vectors &= aligned_16(part.s[k]); }
    chunks += unsigned((part.n + chunk<T> - 1) / chunk<T>);
  }
  flush();
}

using Run = void (*)(const Cuda&, const void* coefficients, bool on_device, std::span<const rule::Part> parts);
template <class R> void run(const Cuda& on, const void* coefficients, bool on_device, std::span<const rule::Part> parts) {
  const R* const r = static_cast<const R*>(coefficients);
  update_parts<R, float>(on, on_device ? R{} : *r, on_device ? r : nullptr, parts);
  update_parts<R, double>(on, on_device ? R{} : *r, on_device ? r : nullptr, parts);
}
template <class... R> Run run_of(int rule, rule::List<R...>) {
  static constexpr Run runs[] = {&run<R>...};
  return runs[rule];
}
void check_parts(std::span<const rule::Part> parts) {
  for (const rule::Part& part : parts)
    if (part.dtype != f32 && part.dtype != f64) throw Error(std::string("update: parameters are f32 or f64, not ") + name_of(part.dtype));
}
}  // namespace

void update_kernel(const Cuda& on, int rule, const void* coefficients, std::span<const rule::Part> parts) {
  check_parts(parts);
  run_of(rule, rule::All{})(on, coefficients, false, parts);
}
void update_kernel_varying(const Cuda& on, int rule, const void* coefficients, std::span<const rule::Part> parts) {
  check_parts(parts);
  run_of(rule, rule::All{})(on, coefficients, true, parts);
}

}  // namespace mica
