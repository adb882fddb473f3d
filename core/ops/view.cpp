#include "mica/core/ops/view.h"
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/ops/contiguous.h"

namespace mica {
namespace {
// The strides that show x's memory as `shape`, if there are any: x's dimensions, without those of size 1, fall into groups that follow each
// other densely in memory, and each group must be a product of neighbours in `shape`.
std::optional<Strides> viewed(const Tensor& x, const Shape& shape) {
  if (x.size() == 0 || x.is_contiguous()) return strides_of(shape);
  Shape size, stride;
  for (int i = 0; i < x.rank(); ++i) if (x.shape()[i] != 1) { size.push_back(x.shape()[i]); stride.push_back(x.strides()[i]); }
  Strides strides = shape;
  int d = shape.rank() - 1;
  for (int i = size.rank() - 1; i >= 0; --i) {
    const int64_t step = stride[i];
    int64_t have = size[i], want = 1;
    for (; i > 0 && stride[i - 1] == stride[i] * size[i]; --i) have *= size[i - 1];
    for (; want < have; --d) { strides[d] = step * want; want *= shape[d]; }
    if (want != have) return std::nullopt;
  }
  for (; d >= 0; --d) strides[d] = d + 1 < shape.rank() ? strides[d + 1] * shape[d + 1] : 1;  // sizes of 1 are left
  return strides;
}
int dim_in(const char* function, const Tensor& x, int dim) {
  try { return dim_of(x.shape(), dim); }
  catch (const Error& e) { throw Error(std::string(function) + ": " + e.what() + "\n  x: " + describe(x)); }
}
}  // namespace

namespace op {
struct Reshape {
  Shape shape;
  Strides strides;
  static constexpr auto name = "reshape";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Tensor view(const Tensor& x) const { return alias(x, shape, strides, x.body().offset); }
  Tensor unview(const Tensor& x, const Tensor& dy) const { return reshape(dy, x.shape()); }
};
struct Permute {
  Shape order;
  static constexpr auto name = "permute";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Tensor view(const Tensor& x) const {
    if (order.rank() != x.rank()) throw Error("order has " + std::to_string(order.rank()) + " dimensions, x has " + std::to_string(x.rank()));
    Shape shape = order, strides = order;
    unsigned seen = 0;
    for (int i = 0; i < order.rank(); ++i) {
      const int d = dim_of(x.shape(), int(order[i]));
      if (seen & 1u << d) throw Error("order " + to_string(order) + " names dimension " + std::to_string(d) + " twice");
      seen |= 1u << d;
      shape[i] = x.shape()[d]; strides[i] = x.strides()[d];
    }
    return alias(x, shape, strides, x.body().offset);
  }
  Tensor unview(const Tensor& x, const Tensor& dy) const {
    Shape inverse = order;
    for (int i = 0; i < order.rank(); ++i) inverse[dim_of(x.shape(), int(order[i]))] = i;
    return Permute{inverse}.view(dy);
  }
};
struct Expand {
  Shape shape;
  static constexpr auto name = "expand";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Tensor view(const Tensor& x) const {
    Shape wanted = shape;
    const int extra = shape.rank() - x.rank();
    for (int i = 0; i < shape.rank(); ++i) if (wanted[i] == -1 && i >= extra) wanted[i] = x.shape()[i - extra];
    const Tensor y = expand_alias(x, wanted);
    return y.same(x) ? x.detach() : y;
  }
  Tensor unview(const Tensor& x, const Tensor& dy) const { const Tensor dx = empty_like(x); sum_into(dx, dy); return dx; }
};
struct Slice {
  int dim;
  int64_t start, stop, step;
  static constexpr auto name = "slice";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Tensor view(const Tensor& x) const {
    const int d = dim_of(x.shape(), dim);
    const int64_t n = x.shape()[d];
    if (step < 1) throw Error("step is " + std::to_string(step) + "; it must be at least 1");
    auto place = [n](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + n : i, 0, n); };
    const int64_t first = place(start), last = std::max(first, place(stop));
    Shape shape = x.shape(), strides = x.strides();
    shape[d] = (last - first + step - 1) / step;
    strides[d] *= step;
    return alias(x, shape, strides, x.body().offset + first * x.strides()[d]);
  }
};
struct Select {
  int dim;
  int64_t index;
  static constexpr auto name = "select";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  Tensor view(const Tensor& x) const {
    const int d = dim_of(x.shape(), dim);
    const int64_t n = x.shape()[d], i = index < 0 ? index + n : index;
    if (i < 0 || i >= n) throw Error("index " + std::to_string(index) + " is out of range for dimension " + std::to_string(d) + " of size " + std::to_string(n));
    Shape shape = x.shape(), strides = x.strides();
    shape.erase(d);
    strides.erase(d);
    return alias(x, shape, strides, x.body().offset + i * x.strides()[d]);
  }
};
struct Unsqueeze {
  int dim;
  static constexpr auto name = "unsqueeze";
  static constexpr Args<1> inputs{{{"x", strided}}}, outputs{{{"y", strided}}};
  int at(const Tensor& x) const {
    if (dim < -x.rank() - 1 || dim > x.rank()) throw Error("dimension " + std::to_string(dim) + " is not in [" + std::to_string(-x.rank() - 1) + ", " + std::to_string(x.rank()) + "]");
    return dim < 0 ? dim + x.rank() + 1 : dim;
  }
  Tensor view(const Tensor& x) const {
    Shape shape = x.shape(), strides = x.strides();
    const int d = at(x);
    strides.insert(d, d < x.rank() ? x.strides()[d] * x.shape()[d] : 1);
    shape.insert(d, 1);
    return alias(x, shape, strides, x.body().offset);
  }
  Tensor unview(const Tensor& x, const Tensor& dy) const { return Select{at(x), 0}.view(dy); }
};
}  // namespace op

Tensor reshape(const Tensor& x, const Shape& shape) {
  Shape wanted = shape;
  int unknown = -1;
  int64_t known = 1;
  bool fits = true;
  for (int i = 0; i < wanted.rank(); ++i) {
    if (wanted[i] != -1) { fits &= wanted[i] >= 0 && !__builtin_mul_overflow(known, wanted[i], &known); continue; }
    if (unknown >= 0) throw Error("reshape: " + to_string(shape) + " has two unknown sizes\n  x: " + describe(x));
    unknown = i;
  }
  if (unknown >= 0) {
    fits &= known > 0;
    if (fits) known *= wanted[unknown] = x.size() / known;
  }
  if (!fits || known != x.size())
    throw Error("reshape: x has " + std::to_string(x.size()) + " elements, which do not fit " + to_string(shape) + "\n  x: " + describe(x));
  if (const auto strides = viewed(x, wanted)) return apply(op::Reshape{wanted, *strides}, x);
  return apply(op::Reshape{wanted, strides_of(wanted)}, contiguous(x));
}
Tensor flatten(const Tensor& x, int first, int last) {
  if (x.rank() == 0) return reshape(x, {1});
  const int a = dim_in("flatten", x, first), b = dim_in("flatten", x, last);
  if (a > b) throw Error("flatten: dimension " + std::to_string(first) + " is behind dimension " + std::to_string(last) + "\n  x: " + describe(x));
  Shape shape;
  int64_t merged = 1;
  for (int i = 0; i < x.rank(); ++i) {
    if (i < a || i > b) { shape.push_back(x.shape()[i]); continue; }
    merged *= x.shape()[i];
    if (i == b) shape.push_back(merged);
  }
  return reshape(x, shape);
}
Tensor permute(const Tensor& x, const Shape& order) { return apply(op::Permute{order}, x); }
Tensor transpose(const Tensor& x, int a, int b) {
  Shape order;
  for (int i = 0; i < x.rank(); ++i) order.push_back(i);
  std::swap(order[dim_in("transpose", x, a)], order[dim_in("transpose", x, b)]);
  return permute(x, order);
}
Tensor expand(const Tensor& x, const Shape& shape) { return apply(op::Expand{shape}, x); }
Tensor squeeze(const Tensor& x, int dim) {
  if (const int64_t n = x.shape()[dim_in("squeeze", x, dim)]; n != 1) throw Error("squeeze: dimension " + std::to_string(dim) + " has size " + std::to_string(n) + ", not 1\n  x: " + describe(x));
  return select(x, dim, 0);
}
Tensor unsqueeze(const Tensor& x, int dim) { return apply(op::Unsqueeze{dim}, x); }
Tensor select(const Tensor& x, int dim, int64_t index) { return apply(op::Select{dim, index}, x); }
Tensor slice(const Tensor& x, int dim, int64_t start, int64_t stop, int64_t step) { return apply(op::Slice{dim, start, stop, step}, x); }
Tensor Tensor::operator[](int64_t i) const { return select(*this, 0, i); }

}  // namespace mica
