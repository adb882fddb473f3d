#include "mica/core/shape.h"
#include "mica/core/dtype.h"

namespace mica {

void Shape::too_long() { throw Error("a tensor has at most 6 dimensions"); }

std::string to_string(const Shape& shape) {
  std::string s = "[";
  for (int i = 0; i < shape.rank(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + "]";
}

// The dimensions from the outermost to the innermost in memory.
static int order_of(int rank, Layout layout, int (&order)[Shape::max_rank]) {
  for (int i = 0; i < rank; ++i) order[i] = i;
  if (layout == Layout::channels_last && rank >= 3) std::rotate(order + 1, order + 2, order + rank);
  return rank;
}

Strides strides_of(const Shape& shape, Layout layout) {
  Strides strides = shape;
  int64_t step = 1;
  if (layout == Layout::row_major) {
    for (int i = shape.rank(); i-- > 0;) { strides[i] = step; step *= std::max<int64_t>(shape[i], 1); }
    return strides;
  }
  int order[Shape::max_rank];
  for (int i = order_of(shape.rank(), layout, order); i-- > 0;) {
    strides[order[i]] = step;
    step *= std::max<int64_t>(shape[order[i]], 1);
  }
  return strides;
}

static bool is_row_major(const Shape& shape, const Strides& strides) {  // has_layout in a hurry; false where a size is 0
  int64_t step = 1;
  for (int i = shape.rank(); i-- > 0; step *= shape[i]) if (shape[i] != 1 && strides[i] != step) return false;
  return true;
}

bool has_layout(const Shape& shape, const Strides& strides, Layout layout) {
  if (layout == Layout::row_major && is_row_major(shape, strides)) return true;
  int order[Shape::max_rank];
  int64_t step = 1;
  bool empty = false, fits = true;
  for (int i = order_of(shape.rank(), layout, order); i-- > 0;) {
    const int64_t size = shape[order[i]];
    empty |= size == 0;
    if (size != 1 && strides[order[i]] != step) fits = false;
    step *= size;
  }
  return fits || empty;
}

bool is_packed(const Shape& shape, const Strides& strides) {
  if (has_layout(shape, strides, Layout::row_major)) return true;
  int order[Shape::max_rank], n = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 0) return true;
    if (shape[i] == 1) continue;
    int at = n++;  // insertion sort: at most 6
    for (; at > 0 && strides[order[at - 1]] > strides[i]; --at) order[at] = order[at - 1];
    order[at] = i;
  }
  int64_t step = 1;
  for (int i = 0; i < n; step *= shape[order[i++]]) if (strides[order[i]] != step) return false;
  return true;
}

bool same_order(const Shape& shape, const Strides& a, const Strides& b) {
  for (int i = 0; i < shape.rank(); ++i) if (shape[i] != 1 && a[i] != b[i]) return false;
  return true;
}

int dim_of(const Shape& shape, int dim) {
  if (dim < -shape.rank() || dim >= shape.rank())
    throw Error("dimension " + std::to_string(dim) + " is not in [" + std::to_string(-shape.rank()) + ", " + std::to_string(shape.rank()) + ")");
  return dim < 0 ? dim + shape.rank() : dim;
}

Shape broadcast(const Shape& a, const Shape& b) {
  if (a == b) return a;
  const bool a_longer = a.rank() >= b.rank();
  Shape y = a_longer ? a : b;
  const Shape& s = a_longer ? b : a;
  for (int i = 1; i <= s.rank(); ++i) {
    if (y[-i] != s[-i] && y[-i] != 1 && s[-i] != 1)
      throw Error("sizes " + std::to_string(a[-i]) + " and " + std::to_string(b[-i]) + " of dimension " + std::to_string(-i) + " do not broadcast");
    if (y[-i] == 1) y[-i] = s[-i];
  }
  return y;
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_float(a) != is_float(b)) return is_float(a) ? a : b;
  if (is_half(a) && is_half(b)) return f32;
  return std::min(a, b);  // the enumerators of a category stand from wide to narrow
}

}  // namespace mica
