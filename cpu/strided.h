#pragma once
#include "mica/core/dims_internal.h"
#include "mica/core/op.h"
namespace mica {

// Calls f(offset, n, stride) for runs along the innermost dimension that cover the elements [begin, end) of one tensor in walking order.
template <class F> void for_runs(const Dims& dims, int tensor, int64_t begin, int64_t end, F&& f) {
  if (begin >= end) return;
  if (dims.rank == 0) return f(int64_t(0), int64_t(1), int64_t(1));
  const int64_t* stride = dims.stride[tensor];
  const int inner = dims.rank - 1;
  int64_t index[Shape::max_rank] = {}, offset = 0, left = begin;
  for (int d = inner; d >= 0; --d) { index[d] = left % dims.size[d]; left /= dims.size[d]; offset += index[d] * stride[d]; }
  while (true) {
    const int64_t n = std::min(dims.size[inner] - index[inner], end - begin);
    f(offset, n, stride[inner]);
    begin += n;
    if (begin == end) return;
    offset -= index[inner] * stride[inner];
    index[inner] = 0;
    for (int d = inner - 1; d >= 0; --d) {
      offset += stride[d];
      if (++index[d] < dims.size[d]) break;
      offset -= dims.size[d] * stride[d];
      index[d] = 0;
    }
  }
}

}  // namespace mica
