#include <gtest/gtest.h>
#include <numeric>
#include <random>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
using Random = std::mt19937;
int64_t below(Random& random, int64_t n) { return int64_t(random() % uint64_t(n)); }

// A tensor and what it should be: its values (which are places in the tensor it began as) in row-major order, moved by plain loops.
struct Moved {
  Tensor x;
  std::vector<int64_t> values;
  Shape shape;
};
// Applies f(index in the new shape) -> index in the old one to the values.
template <class F> Moved moved(const Moved& p, const Tensor& y, const Shape& shape, F f) {
  std::vector<int64_t> values(size_t(shape.count()));
  for (int64_t i = 0; i < shape.count(); ++i) {
    Shape at = shape;
    for (int64_t d = shape.rank() - 1, left = i; d >= 0; left /= shape[int(d--)]) at[int(d)] = left % shape[int(d)];
    const Shape from = f(at);
    int64_t k = 0;
    for (int d = 0; d < p.shape.rank(); ++d) k = k * p.shape[d] + from[d];
    values[size_t(i)] = p.values[size_t(k)];
  }
  return {y, values, shape};
}
Moved step(const Moved& p, Random& random) {
  const int rank = p.shape.rank(), d = rank ? int(below(random, rank)) : 0;
  const int64_t n = rank ? p.shape[d] : 1;
  const bool negative = below(random, 2);
  const int named = negative ? d - rank : d;
  switch (below(random, 6)) {
    case 0: {  // permute
      Shape order, shape;
      for (int i = 0; i < rank; ++i) order.push_back(i);
      std::shuffle(&order[0], &order[0] + rank, random);
      for (int i = 0; i < rank; ++i) shape.push_back(p.shape[int(order[i])]);
      return moved(p, permute(p.x, order), shape, [&](const Shape& at) {
        Shape from = at;
        for (int i = 0; i < rank; ++i) from[int(order[i])] = at[i];
        return from;
      });
    }
    case 1: {  // slice
      if (!rank) return p;
      const int64_t start = below(random, n + 1), stop = start + below(random, n - start + 2), k = 1 + below(random, 3);
      Shape shape = p.shape;
      shape[d] = (std::min(stop, n) - start + k - 1) / k;
      return moved(p, slice(p.x, named, negative && start < n ? start - n : start, stop, k), shape, [&](Shape at) { at[d] = start + k * at[d]; return at; });
    }
    case 2: {  // select
      if (!rank || n == 0) return p;
      const int64_t i = below(random, n);
      Shape shape = p.shape;
      shape.erase(d);
      return moved(p, select(p.x, named, negative ? i - n : i), shape, [&](Shape at) { at.insert(d, i); return at; });
    }
    case 3: {  // unsqueeze
      if (rank == Shape::max_rank) return p;
      Shape shape = p.shape;
      shape.insert(d, 1);
      return moved(p, unsqueeze(p.x, d), shape, [&](Shape at) { at.erase(d); return at; });
    }
    case 4: {  // transpose
      if (!rank) return p;
      const int other = int(below(random, rank));
      Shape shape = p.shape;
      std::swap(shape[d], shape[other]);
      return moved(p, transpose(p.x, named, other), shape, [&](Shape at) { std::swap(at[d], at[other]); return at; });
    }
    default: {  // expand
      if (!rank || n != 1) return p;
      Shape shape = p.shape;
      shape[d] = below(random, 3);
      return moved(p, expand(p.x, shape), shape, [&](Shape at) { at[d] = 0; return at; });
    }
  }
}
Shape random_shape(Random& random, int most) {
  Shape shape;
  for (int i = int(below(random, most + 1)); i > 0; --i) shape.push_back(below(random, 8) == 0 ? 0 : 1 + below(random, 4));
  return shape;
}
Moved begin(const Shape& shape) {
  Moved p{reshape(arange(shape.count()), shape), std::vector<int64_t>(size_t(shape.count())), shape};
  std::iota(p.values.begin(), p.values.end(), 0);
  return p;
}
// A shape of the same number of elements: its factors dealt out anew, with ones and, for none, a zero.
Shape reshaped(int64_t count, Random& random) {
  Shape shape;
  if (count == 0) { shape = random_shape(random, 3); shape.insert(0, 0); return shape; }
  while (shape.rank() < 5) {
    int64_t factor = 1;
    for (const int64_t prime : {2, 3}) while (count % prime == 0 && below(random, 2)) { factor *= prime; count /= prime; }
    shape.push_back(factor);
    if (count == 1 && below(random, 2)) break;
  }
  if (count > 1 || shape.rank() == 0) shape.push_back(count);
  return shape;
}
// Are there strides that show x's memory, in its logical order, as `shape`? By the addresses alone.
bool can_be_viewed(const Tensor& x, const Shape& shape) {
  std::vector<int64_t> address;  // in logical order
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t a = 0;
    for (int64_t d = x.rank() - 1, left = i; d >= 0; left /= x.shape()[int(d--)]) a += left % x.shape()[int(d)] * x.strides()[int(d)];
    address.push_back(a);
  }
  const Strides places = strides_of(shape);
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t a = address[0];
    for (int d = 0; d < shape.rank(); ++d)
      if (const int64_t at = i / places[d] % shape[d]; at > 0) a += at * (address[size_t(places[d])] - address[0]);
    if (a != address[size_t(i)]) return false;
  }
  return true;
}
}  // namespace

TEST(View, RandomChainsAgainstPlainLoops) {
  Random random(1);
  for (int i = 0; i < 4000; ++i) {
    Moved p = begin(random_shape(random, 4));
    const Tensor base = p.x;
    for (int k = int(below(random, 6)); k >= 0; --k) p = step(p, random);
    ASSERT_EQ(p.x.shape(), p.shape);
    ASSERT_EQ(p.x.to_vector<int64_t>(), p.values);
    ASSERT_EQ(contiguous(p.x).to_vector<int64_t>(), p.values);
    ASSERT_EQ(contiguous(p.x, Layout::channels_last).to_vector<int64_t>(), p.values);
    ASSERT_EQ(clone(p.x).to_vector<int64_t>(), p.values);
    fill(p.x, -1);  // a write through the view reaches these places and no other
    std::vector<int64_t> expected(size_t(base.size()));
    std::iota(expected.begin(), expected.end(), 0);
    for (const int64_t v : p.values) expected[size_t(v)] = -1;
    ASSERT_EQ(base.to_vector<int64_t>(), expected);
  }
}

TEST(View, ReshapeSharesMemoryExactlyWhereStridesAllowIt) {
  Random random(2);
  int views = 0, copies = 0;
  for (int i = 0; i < 6000; ++i) {
    Moved p = begin(random_shape(random, 4));
    for (int k = int(below(random, 4)); k > 0; --k) p = step(p, random);
    const Shape shape = reshaped(p.x.size(), random);
    const Tensor y = reshape(p.x, shape);
    ASSERT_EQ(y.shape(), shape);
    ASSERT_EQ(y.to_vector<int64_t>(), p.values) << to_string(p.shape) << to_string(p.x.strides()) << to_string(shape);
    const bool shares = y.body().storage.get() == p.x.body().storage.get();
    ASSERT_EQ(shares, p.x.size() == 0 || can_be_viewed(p.x, shape)) << to_string(p.shape) << " strides " << to_string(p.x.strides()) << " as " << to_string(shape);
    ++(shares ? views : copies);
  }
  EXPECT_GT(views, 1000);
  EXPECT_GT(copies, 200);
}

TEST(View, ReshapeAndFlatten) {
  const Tensor x = arange(24);
  EXPECT_EQ(reshape(x, {2, -1, 4}).shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(flatten(reshape(x, {2, 3, 4})).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(reshape(x, {2, 3, 4}), 0, 1).shape(), (Shape{6, 4}));
  EXPECT_EQ(flatten(reshape(x, {2, 3, 4}), -2).shape(), (Shape{2, 12}));
  EXPECT_EQ(flatten(full({}, 1), 0).shape(), Shape{1});
  EXPECT_EQ(reshape(full({}, 1), {1, 1}).shape(), (Shape{1, 1}));
  EXPECT_EQ(reshape(zeros({0, 3}), {3, 0, 5}).shape(), (Shape{3, 0, 5}));
  EXPECT_EQ(reshape(zeros({0, 3}), {-1, 3}).shape(), (Shape{0, 3}));
}

TEST(View, Gradients) {
  std::vector<OpCase> cases;
  const auto add = [&](const std::string& name, const Shape& shape, std::function<Tensor(const Tensor&)> f, int64_t terms = 1) {
    cases.push_back({name + " " + to_string(shape), {normal(shape)}, [f](const Inputs& x) { return f(x[0]); }, {}, terms});
  };
  add("reshape", {2, 6}, [](auto& x) { return reshape(x, {3, 4}); });
  add("reshape of a transpose", {2, 6}, [](auto& x) { return reshape(transpose(x, 0, 1), {3, 4}); });
  add("reshape", {0, 3}, [](auto& x) { return reshape(x, {3, 0}); });
  add("flatten", {2, 3, 2, 2}, [](auto& x) { return flatten(x); });
  add("permute", {2, 3, 4}, [](auto& x) { return permute(x, {2, 0, -2}); });
  add("transpose", {3, 5}, [](auto& x) { return transpose(x, 0, 1); });
  add("transpose", {2, 3, 4}, [](auto& x) { return transpose(x, -1, 1); });
  add("expand", {3, 1}, [](auto& x) { return expand(x, {2, 3, 4}); }, 8);
  add("expand", {1, 3}, [](auto& x) { return expand(x, {5, -1}); }, 5);
  add("expand", {}, [](auto& x) { return expand(x, {3}); }, 3);
  add("expand to nothing", {1, 3}, [](auto& x) { return expand(x, {0, 3}); });
  add("squeeze", {2, 1, 3}, [](auto& x) { return squeeze(x, 1); });
  add("unsqueeze", {2, 3}, [](auto& x) { return unsqueeze(x, -1); });
  add("unsqueeze", {}, [](auto& x) { return unsqueeze(x, 0); });
  add("select", {4, 3}, [](auto& x) { return select(x, 0, -1); });
  add("select", {4, 3}, [](auto& x) { return select(x, 1, 1); });
  add("slice", {7}, [](auto& x) { return slice(x, 0, 1, 6, 2); });
  add("slice", {3, 5}, [](auto& x) { return slice(x, -1, -3); });
  add("slice of nothing", {3, 5}, [](auto& x) { return slice(x, 0, 2, 2); });
  add("contiguous", {2, 3, 4, 5}, [](auto& x) { return contiguous(x, Layout::channels_last); });
  add("a chain", {2, 3, 4}, [](auto& x) { return transpose(slice(permute(x, {2, 0, 1}), 0, 1, 4, 2), 1, 2)[1]; });
  check_all(cases);
}

TEST(View, Mistakes) {
  const Tensor x = zeros({2, 3});
  const std::string at = "\n  x: f32[2, 3] on cpu";
  EXPECT_EQ(error_of([&] { reshape(x, {4, 2}); }), "reshape: x has 6 elements, which do not fit [4, 2]" + at);
  EXPECT_EQ(error_of([&] { reshape(x, {-1, 4}); }), "reshape: x has 6 elements, which do not fit [-1, 4]" + at);
  EXPECT_EQ(error_of([&] { reshape(x, {-1, -1}); }), "reshape: [-1, -1] has two unknown sizes" + at);
  EXPECT_EQ(error_of([&] { reshape(x, {-2, -3}); }), "reshape: x has 6 elements, which do not fit [-2, -3]" + at);
  EXPECT_EQ(error_of([&] { reshape(zeros({0, 3}), {-1, 0}); }), "reshape: x has 0 elements, which do not fit [-1, 0]\n  x: f32[0, 3] on cpu");
  EXPECT_EQ(error_of([&] { flatten(x, 1, 0); }), "flatten: dimension 1 is behind dimension 0" + at);
  EXPECT_EQ(error_of([&] { permute(x, {0}); }), "permute: order has 1 dimensions, x has 2" + at);
  EXPECT_EQ(error_of([&] { permute(x, {0, -2}); }), "permute: order [0, -2] names dimension 0 twice" + at);
  EXPECT_EQ(error_of([&] { permute(x, {0, 2}); }), "permute: dimension 2 is not in [-2, 2)" + at);
  EXPECT_EQ(error_of([&] { transpose(x, 0, 5); }), "transpose: dimension 5 is not in [-2, 2)" + at);
  EXPECT_EQ(error_of([&] { expand(x, {2, 4}); }), "expand: size 3 does not expand to 4" + at);
  EXPECT_EQ(error_of([&] { expand(x, {3}); }), "expand: [2, 3] does not expand to [3]" + at);
  EXPECT_EQ(error_of([&] { expand(zeros({1}), {-2}); }), "expand: size 1 does not expand to -2\n  x: f32[1] on cpu");
  EXPECT_EQ(error_of([&] { expand(x, {-3, 2, 3}); }), "expand: sizes cannot be negative: [-3, 2, 3]" + at);
  EXPECT_EQ(error_of([&] { reshape(x, {int64_t(1) << 40, int64_t(1) << 40, 0}); }), "reshape: x has 6 elements, which do not fit [1099511627776, 1099511627776, 0]" + at);
  EXPECT_EQ(error_of([&] { squeeze(x, 1); }), "squeeze: dimension 1 has size 3, not 1" + at);
  EXPECT_EQ(error_of([&] { squeeze(x, 2); }), "squeeze: dimension 2 is not in [-2, 2)" + at);
  EXPECT_EQ(error_of([&] { unsqueeze(x, 3); }), "unsqueeze: dimension 3 is not in [-3, 2]" + at);
  EXPECT_EQ(error_of([&] { select(x, 0, 2); }), "select: index 2 is out of range for dimension 0 of size 2" + at);
  EXPECT_EQ(error_of([&] { slice(x, 2, 0); }), "slice: dimension 2 is not in [-2, 2)" + at);
  EXPECT_EQ(error_of([&] { full({}, 1)[0]; }), "select: dimension 0 is not in [0, 0)\n  x: f32[] on cpu");
  EXPECT_EQ(error_of([&] { unsqueeze(zeros({1, 1, 1, 1, 1, 1}), 0); }), "unsqueeze: a tensor has at most 6 dimensions\n  x: f32[1, 1, 1, 1, 1, 1] on cpu");
}
