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

// n neighbours of a part from i on: loaded, changed by the rule and stored at once. Returns whether w is finite.
template <class R, class T, int n> __device__ __forceinline__ bool change(const R& rule, const Share<R::states>& part, int64_t i) {
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
  bool finite = true;
#pragma unroll
  for (int j = 0; j < n; ++j) finite &= math::abs(w.v[j]) < T(HUGE_VAL);
  return finite;
}

// One thread changes up to 4 packs of 16 bytes of one part, by `rule`, or by what `varying` points to. (3 + 2 states) sizeof(T) bytes per element,
// 2 more with a shadow. 3 to 15 operations per element. Deterministic. Where `control` says that a gradient has overflowed, nothing changes; the rule
// that unscales gradients is the one that says so.
template <class R, class T> __global__ void update_parts_kernel(R rule, const R* varying, StepControl* control, Shares<R::states> shares) {
  constexpr bool unscales = std::is_same_v<R, rule::Unscale>;
  if constexpr (!unscales) if (control && control->overflowed != 0) return;
  if (varying) rule = *varying;
  constexpr int width = per_16_bytes<T>;
  const Share<R::states>& part = shares.of[part_of(shares, blockIdx.x)];
  const int64_t begin = int64_t(blockIdx.x - part.first) * chunk<T>;
  bool finite = true;
  for (int k = 0; k < packs; ++k) {
    const int64_t i = begin + (int64_t(k) * block_threads + threadIdx.x) * width;
    if (part.vectors && i + width <= part.n) finite &= change<R, T, width>(rule, part, i);
    else for (int64_t j = i; j < part.n && j < i + width; ++j) finite &= change<R, T, 1>(rule, part, j);
  }
  if constexpr (unscales) if (__syncthreads_or(!finite) && threadIdx.x == 0) atomicExch(&control->overflowed, 1.0f);
}

// One thread makes coefficients, of `rule` or of what `varying` points to, those of the next step, and counts it. At most 160 bytes per step, 100 operations
// per step. Deterministic.
template <class R> __global__ void next_step_kernel(R rule, const R* varying, int64_t* count, const StepControl* control, R* now) {
  if (control && control->overflowed != 0) return;
  if (varying) rule = *varying;
  rule::next_step(rule, *count);
  *now = rule;
}
// One thread: the loss scale after a step. 24 bytes per step, 4 operations per step. Deterministic.
__global__ void adapt_scale_kernel(StepControl* control, double growth, double backoff, float interval) { control->next(growth, backoff, interval); }

template <class R, class T> void update_parts(const Cuda& on, const R& rule, const R* varying, StepControl* control, std::span<const rule::Part> parts) {
  Shares<R::states> shares;
  unsigned chunks = 0;
  const auto flush = [&] {
    if (shares.count) launch(on, {dim3(chunks), block_threads}, update_parts_kernel<R, T>, rule, varying, control, shares);
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

// varying: coefficients in the device's memory, in place of those of the host, where it is not null.
template <class R> void run(const Cuda& on, const R* coefficients, const R* varying, StepControl* control, std::span<const rule::Part> parts) {
  const R rule = coefficients ? *coefficients : R{};
  update_parts<R, float>(on, rule, varying, control, parts);
  update_parts<R, double>(on, rule, varying, control, parts);
}
template <class R> void run_step(const Cuda& on, const R& rule, const StepMemory& memory, std::span<const rule::Part> parts) {
  const Tensor now = empty({int64_t(sizeof(R))}, {u8, cuda(on.device)});
  R* const next = reinterpret_cast<R*>(address(now));
  launch(on, {1, 1}, next_step_kernel<R>, rule, static_cast<const R*>(memory.coefficients), memory.count, memory.control, next);
  run<R>(on, nullptr, next, const_cast<StepControl*>(memory.control), parts);
}
struct Runs {  // of one rule
  void (*update)(const Cuda&, const void* coefficients, const void* varying, std::span<const rule::Part>);
  void (*step)(const Cuda&, const void* coefficients, const StepMemory&, std::span<const rule::Part>);
};
template <class R> constexpr Runs runs_of_rule = {
    [](const Cuda& on, const void* coefficients, const void* varying, std::span<const rule::Part> parts) {
      run(on, static_cast<const R*>(coefficients), static_cast<const R*>(varying), nullptr, parts);
    },
    [](const Cuda& on, const void* coefficients, const StepMemory& memory, std::span<const rule::Part> parts) {
      run_step(on, *static_cast<const R*>(coefficients), memory, parts);
    }};
template <class... R> const Runs& runs_of(int rule, rule::List<R...>) {
  static constexpr Runs runs[] = {runs_of_rule<R>...};
  return runs[rule];
}
void check_parts(std::span<const rule::Part> parts) {
  for (const rule::Part& part : parts)
    if (part.dtype != f32 && part.dtype != f64) throw Error(std::string("update: parameters are f32 or f64, not ") + name_of(part.dtype));
}
}  // namespace

void update_kernel(const Cuda& on, int rule, const void* coefficients, std::span<const rule::Part> parts) {
  check_parts(parts);
  runs_of(rule, rule::All{}).update(on, coefficients, nullptr, parts);
}
void update_kernel_varying(const Cuda& on, int rule, const void* coefficients, std::span<const rule::Part> parts) {
  check_parts(parts);
  runs_of(rule, rule::All{}).update(on, nullptr, coefficients, parts);
}
void step_kernel(const Cuda& on, int rule, const void* coefficients, const StepMemory& memory, std::span<const rule::Part> parts) {
  check_parts(parts);
  runs_of(rule, rule::All{}).step(on, coefficients, memory, parts);
}
void unscale_kernel(const Cuda& on, StepControl* control, std::span<const rule::Part> parts) {
  check_parts(parts);
  static_assert(std::is_standard_layout_v<StepControl> && sizeof(rule::Unscale) == sizeof(StepControl::scale));  // which is its first member
  run(on, static_cast<const rule::Unscale*>(nullptr), reinterpret_cast<const rule::Unscale*>(control), control, parts);
}
void next_scale_kernel(const Cuda& on, StepControl* control, double growth, double backoff, float interval) {
  launch(on, {1, 1}, adapt_scale_kernel, control, growth, backoff, interval);
}

}  // namespace mica
