#pragma once
#include "mica/core/kernel_shapes_internal.h"
#include "mica/core/kernels.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/strided.h"
// Reductions over any set of dimensions, of any strides. Deterministic: the order depends on shape, strides and number of threads only.
namespace mica {

// Walks the first `rank` dimensions of d, from element `at` of them on: the offsets of its first two tensors.
struct Cursor {
  const Dims& d;
  int rank;
  int64_t at, index[Shape::max_rank] = {}, offset[2] = {};
  Cursor(const Dims& d, int rank, int64_t at) : d(d), rank(rank), at(at) {
    for (int i = rank - 1; i >= 0; --i) {
      index[i] = at % d.size[i];
      at /= d.size[i];
      for (int t = 0; t < 2; ++t) offset[t] += index[i] * d.stride[t][i];
    }
  }
  void next() {
    ++at;
    for (int i = rank - 1; i >= 0; --i) {
      for (int t = 0; t < 2; ++t) offset[t] += d.stride[t][i];
      if (++index[i] < d.size[i]) return;
      for (int t = 0; t < 2; ++t) offset[t] -= d.size[i] * d.stride[t][i];
      index[i] = 0;
    }
  }
};

template <class V> using Put = void (*)(void* y, int64_t i, V v);
template <class V> Put<V> put_as(DType t) {
  Put<V> put = nullptr;
  dispatch(t, [&]<class Y>(Y) {
    put = [](void* y, int64_t i, V v) {
      if constexpr (std::is_same_v<Y, bool>) static_cast<Y*>(y)[i] = v != 0;
      else static_cast<Y*>(y)[i] = Y(Compute<Y>(v));
    };
  });
  return put;
}

// y = x folded over the dimensions where y has size 1. A reducer R has
//   Acc, Acc start(), void add(Acc&, X value, int64_t index), void merge(Acc&, const Acc& later), double or int64_t finish(const Acc&)
// and may have, as faster forms of add: row(Acc&, const X* x, n) over consecutive elements, columns(Acc*, const X* x, columns, rows, stride).
// The index counts the folded elements in the order of x's memory.
template <class X, class R> void fold(const R& r, const Tensor& x, const Tensor& y) {
  using Acc = typename R::Acc;
  constexpr int64_t most = 512;
  const auto [kx, ky, fx] = folding_of(x, y);
  const Tensor *outer[] = {&kx, &ky}, *inner[] = {&fx};
  const Dims results(outer), terms(inner);
  if (results.count == 0) return;
  const X* from = output<X>(kx);
  void* to = address(ky);
  const auto put = put_as<decltype(r.finish(r.start()))>(y.dtype());

  // Columns: neighbours in x belong to different results, which are kept for a block of them while the rows go by.
  const int last = results.rank - 1;
  const bool columns = last >= 0 && results.stride[0][last] == 1 && terms.rank > 0 && terms.stride[0][terms.rank - 1] != 1;
  const int64_t width = columns ? results.size[last] : 1, y_step = columns ? results.stride[1][last] : 0;
  const int64_t block = std::min(width, most), blocks = (width + block - 1) / block, tasks = results.count / width * blocks;
  const int64_t parts = tasks < threads() ? parallel_parts(terms.count, std::max<int64_t>(1, pointwise_grain / block)) : 1;
  std::vector<Acc> partial(parts > 1 ? size_t(tasks * parts * block) : 0);
  parallel_for(tasks * parts, std::max<int64_t>(1, pointwise_grain / (block * std::max<int64_t>(1, terms.count / parts))), [&](int64_t begin, int64_t end) {
    Acc acc[most];
    Cursor at(results, columns ? last : results.rank, begin / parts / blocks);
    for (int64_t u = begin; u < end; ++u) {
      const int64_t t = parts == 1 ? u : u / parts, result = blocks == 1 ? t : t / blocks;  // divisions cost as much as a short row
      const int64_t part = u - t * parts, first = (t - result * blocks) * block, m = std::min(block, width - first);
      if (result != at.at) at.next();
      std::fill_n(acc, m, r.start());
      const int64_t k0 = terms.count * part / parts;
      auto run = [&, k = k0](int64_t offset, int64_t n, int64_t stride) mutable {
        const X* p = from + at.offset[0] + first + offset;
        if (!columns) {
          if constexpr (requires { r.row(acc[0], p, n); }) if (stride == 1) { r.row(acc[0], p, n); return; }
          Acc a = acc[0];
          for (int64_t j = 0; j < n; ++j) r.add(a, p[j * stride], k + j);
          acc[0] = a;
        } else if constexpr (requires { r.columns(acc, p, m, n, stride); }) {
          r.columns(acc, p, m, n, stride);
        } else {
          for (int64_t j = 0; j < n; ++j) for (int64_t i = 0; i < m; ++i) r.add(acc[i], p[j * stride + i], k + j);
        }
        k += n;
      };
      if (parts == 1 && terms.rank == 1) run(int64_t(0), terms.count, terms.stride[0][0]);
      else for_runs(terms, 0, k0, terms.count * (part + 1) / parts, run);
      if (parts == 1) for (int64_t i = 0; i < m; ++i) put(to, at.offset[1] + (first + i) * y_step, r.finish(acc[i]));
      else std::copy_n(acc, m, partial.data() + u * block);
    }
  });
  if (parts == 1) return;
  Cursor at(results, columns ? last : results.rank, 0);
  for (int64_t t = 0; t < tasks; ++t) {
    const int64_t first = t % blocks * block, m = std::min(block, width - first);
    if (t / blocks != at.at) at.next();
    for (int64_t i = 0; i < m; ++i) {
      Acc total = partial[size_t(t * parts * block + i)];
      for (int64_t p = 1; p < parts; ++p) r.merge(total, partial[size_t((t * parts + p) * block + i)]);
      put(to, at.offset[1] + (first + i) * y_step, r.finish(total));
    }
  }
}

}  // namespace mica
