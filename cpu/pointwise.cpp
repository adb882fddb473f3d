#include "mica/cpu/half.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/pointwise_table.h"
#include "mica/cpu/strided.h"
#include "mica/core/kernels.h"
// Elementwise kernels. The formulas run over rows of the compute type: directly on the tensors' memory where dtype and strides allow it, else
// on chunks that are gathered, converted and scattered again, so that any strides and dtypes cost no memory beside a stack buffer.
namespace mica {
namespace {
constexpr int64_t chunk = 512;

template <class F, class T, int... k> void plain_row(const void* options, int64_t n, const T* const* x, T* y, std::integer_sequence<int, k...>) {
  const F f = *static_cast<const F*>(options);
  for (int64_t i = 0; i < n; ++i) y[i] = f(x[k][i]...);
}
template <class F, class T> void plain(const void* options, int64_t n, const T* const* x, T* y) {  // one element at a time: the reference
  plain_row<F>(options, n, x, y, std::make_integer_sequence<int, F::arity>());
}
template <class F> constexpr PointwiseRow<int64_t> integer_row() {
  if constexpr (F::integers) return &plain<F, int64_t>; else return nullptr;
}
template <class T, class... F> PointwiseRow<T> row_of(int formula, FormulaList<F...>) {
  if constexpr (std::is_same_v<T, float>) { static const auto& table = pick(v2::pointwise, v3::pointwise, v4::pointwise); return table.row[formula]; }
  else if constexpr (std::is_same_v<T, double>) { static constexpr PointwiseRow<double> rows[] = {&plain<F, double>...}; return rows[formula]; }
  else { static constexpr PointwiseRow<int64_t> rows[] = {integer_row<F>()...}; return rows[formula]; }
}

// Elements [begin, end) of a tensor in walking order, converted into a buffer, and back.
template <class T> void gather(const Dims& d, int tensor, const Tensor& x, int64_t begin, int64_t end, T* to) {
  dispatch(x.dtype(), [&]<class X>(X) {
    const X* from = output<X>(x);
    for_runs(d, tensor, begin, end, [&](int64_t offset, int64_t n, int64_t stride) {
      if constexpr (requires { convert(from, to, n); }) if (stride == 1) { convert(from + offset, to, n); to += n; return; }
      if (stride == 1) for (int64_t i = 0; i < n; ++i) to[i] = T(Compute<X>(from[offset + i]));
      else if (stride == 0) std::fill_n(to, n, T(Compute<X>(from[offset])));
      else for (int64_t i = 0; i < n; ++i) to[i] = T(Compute<X>(from[offset + i * stride]));
      to += n;
    });
  });
}
template <class T> void scatter(const Dims& d, const Tensor& y, int64_t begin, int64_t end, const T* from) {
  dispatch(y.dtype(), [&]<class Y>(Y) {
    Y* to = output<Y>(y);
    for_runs(d, 0, begin, end, [&](int64_t offset, int64_t n, int64_t stride) {
      if constexpr (requires { convert(from, to, n); }) if (stride == 1) { convert(from, to + offset, n); from += n; return; }
      for (int64_t i = 0; i < n; ++i) {
        if constexpr (std::is_same_v<Y, bool>) to[offset + i * stride] = from[i] != T(0);
        else to[offset + i * stride] = Y(Compute<Y>(from[i]));
      }
      from += n;
    });
  });
}

template <class T> void run_rows(int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  const PointwiseRow<T> row = row_of<T>(formula, Formulas{});
  if (!row) throw Error("needs a float dtype");
  const int arity = int(x.size());
  const T* start[Dims::max_tensors];
  bool plain = y.dtype() == dtype_of<T> && is_packed(y.shape(), y.strides());  // one dtype, one order in memory: no more to find out
  for (int k = 0; k < arity && plain; ++k) {
    plain = x[k]->dtype() == dtype_of<T> && same_order(y.shape(), x[k]->strides(), y.strides());
    start[k] = output<T>(*x[k]);
  }
  if (plain) {
    T* const to = output<T>(y);
    const int64_t n = y.size();
    if (n <= pointwise_grain) return row(options, n, start, to);
    return parallel_for(n, pointwise_grain, [&](int64_t begin, int64_t end) {
      const T* in[Dims::max_tensors];
      for (int k = 0; k < arity; ++k) in[k] = start[k] + begin;
      row(options, end - begin, in, to + begin);
    });
  }
  const Tensor* all[Dims::max_tensors] = {&y};
  for (int k = 0; k < arity; ++k) all[k + 1] = x[k];
  const Dims d(std::span<const Tensor* const>(all, size_t(arity) + 1));
  bool direct[Dims::max_tensors], fixed[Dims::max_tensors] = {}, all_direct = true;
  for (int t = 0; t <= arity; ++t) {
    direct[t] = all[t]->dtype() == dtype_of<T> && d.dense(t);
    fixed[t] = d.rank == 1 && d.stride[t][0] == 0;  // one value throughout: gathered once
    all_direct &= direct[t];
  }
  parallel_for(d.count, pointwise_grain, [&](int64_t begin, int64_t end) {
    T buffer[Dims::max_tensors][chunk];
    const T* in[Dims::max_tensors];
    const int64_t most = all_direct ? end - begin : chunk;
    for (int k = 0; k < arity; ++k) if (fixed[k + 1]) gather(d, k + 1, *x[k], begin, std::min(end, begin + chunk), buffer[k + 1]);
    for (int64_t at = begin; at < end; at += most) {
      const int64_t stop = std::min(end, at + most);
      for (int k = 0; k < arity; ++k) {
        if (direct[k + 1]) { in[k] = output<T>(*x[k]) + at; continue; }
        if (!fixed[k + 1]) gather(d, k + 1, *x[k], at, stop, buffer[k + 1]);
        in[k] = buffer[k + 1];
      }
      row(options, stop - at, in, direct[0] ? output<T>(y) + at : buffer[0]);
      if (!direct[0]) scatter(d, y, at, stop, buffer[0]);
    }
  });
}
}  // namespace

void pointwise_kernel(const Cpu&, int formula, const void* options, std::span<const Tensor* const> x, const Tensor& y) {
  bool is_double = y.dtype() == f64, any_float = is_float(y.dtype());
  for (const Tensor* t : x) { is_double |= t->dtype() == f64; any_float |= is_float(t->dtype()); }
  if (is_double) run_rows<double>(formula, options, x, y);
  else if (any_float) run_rows<float>(formula, options, x, y);
  else run_rows<int64_t>(formula, options, x, y);
}

}  // namespace mica
