#include <cmath>
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
using Place = std::vector<int64_t>;
// y[place] = f(place), over all places of a shape in row-major order.
std::vector<double> each_place(const Shape& shape, const std::function<double(const Place&)>& f) {
  std::vector<double> y;
  for (int64_t at = 0; at < shape.count(); ++at) {
    Place p(static_cast<size_t>(shape.rank()));
    int64_t rest = at;
    for (int i = shape.rank(); i-- > 0;) { p[size_t(i)] = rest % shape[i]; rest /= shape[i]; }
    y.push_back(f(p));
  }
  return y;
}
double at(const Tensor& x, const Place& p) {
  const Tensor t = contiguous(x);
  int64_t k = 0;
  for (int i = 0; i < x.rank(); ++i) k = k * x.shape()[i] + p[size_t(i)];
  return t.dtype() == f64 ? t.data<double>()[k] : double(t.data<int64_t>()[k]);
}
size_t positive_dim(const Tensor& x, int dim) { return size_t(dim < 0 ? dim + x.rank() : dim); }
}  // namespace

TEST(Cat, ValuesAndGradients) {
  struct Case { std::vector<Shape> shapes; int dim; };
  const Case cases[] = {{{{3}}, 0}, {{{3}, {2}}, 0}, {{{0}, {2}}, 0}, {{{2, 3}, {4, 3}}, 0}, {{{2, 3}, {2, 1}, {2, 2}}, 1}, {{{2, 3}, {2, 3}}, -1}, {{{2, 3}, {2, 3}}, -2},
                        {{{2, 1, 3}, {2, 4, 3}}, 1}, {{{2, 3, 4, 5}, {2, 2, 4, 5}}, 1}, {{{2, 3, 4, 5}, {1, 3, 4, 5}}, 0}, {{{1, 3, 2, 2}, {1, 3, 2, 3}}, 3}, {{{2, 0, 3}, {2, 0, 3}}, 2},
                        {{{1, 1}, {1, 1}, {1, 1}, {1, 1}}, 0}, {{{2, 3, 2, 1, 2, 2}, {2, 3, 2, 1, 1, 2}}, 4}, {{{5, 1}, {5, 7}}, 1}, {{{2, 16, 3, 3}, {2, 8, 3, 3}, {2, 1, 3, 3}}, 1},
                        {{{4, 2}, {1, 2}, {1, 2}}, 0}, {{{3, 2, 2}, {3, 2, 5}}, 2}, {{{7}, {1}}, 0}, {{{1}, {1}}, 0}, {{{64, 3}, {33, 3}}, 0}};
  std::vector<OpCase> table;
  for (const Case& c : cases) {
    Inputs x;
    for (const Shape& s : c.shapes) x.push_back(normal(s, x.size() + 1));
    table.push_back({"cat " + to_string(c.shapes[0]) + " " + std::to_string(c.dim), x, [=](auto& x) { return cat(x, c.dim); }, [=](const Inputs& x) {
                       const size_t d = positive_dim(x[0], c.dim);
                       Shape shape = x[0].shape();
                       for (size_t i = 1; i < x.size(); ++i) shape[int(d)] += x[i].shape()[int(d)];
                       return each_place(shape, [&](Place p) {
                         size_t i = 0;
                         while (p[d] >= x[i].shape()[int(d)]) p[d] -= x[i++].shape()[int(d)];
                         return at(x[i], p);
                       });
                     }});
  }
  check_all(table);
}
TEST(Cat, LayoutDTypeAndErrors) {
  const Tensor a = contiguous(cast(normal({2, 3, 4, 4}), f32), Layout::channels_last), b = cast(normal({2, 2, 4, 4}), f32);
  EXPECT_TRUE(cat({a, a}, 1).has_layout(Layout::channels_last));
  EXPECT_TRUE(cat({a, b}, 1).is_contiguous());
  EXPECT_EQ(cat({ones({2}, {i32}), ones({2}, {bf16})}).dtype(), bf16);
  const Tensor h = ones({2}, {f16}).set_requires_grad();
  sum(cat({h, ones({1})})).backward();
  EXPECT_EQ(h.grad().dtype(), f16);
  EXPECT_EQ(error_of([] { cat({ones({2, 3}), ones({2, 4})}, 0); }),
            "cat: x[1] has size 4 in dimension 1, x[0] has 3\n  x[0]: f32[2, 3] on cpu\n  x[1]: f32[2, 4] on cpu");
  EXPECT_EQ(error_of([] { cat({ones({2, 3}), ones({2})}, 0); }), "cat: x[1] has 1 dimensions, x[0] has 2\n  x[0]: f32[2, 3] on cpu\n  x[1]: f32[2] on cpu");
  EXPECT_EQ(error_of([] { cat({}); }), "cat: there is no input");
}
TEST(Cat, StackSplitChunk) {
  std::vector<OpCase> table;
  for (int dim : {0, 1, 2, -1, -3})
    table.push_back({"stack " + std::to_string(dim), {normal({2, 3}, 1), normal({2, 3}, 2), normal({2, 3}, 3)}, [=](auto& x) { return stack(x, dim); }, [=](const Inputs& x) {
                       const size_t d = size_t(dim < 0 ? dim + 3 : dim);
                       Shape shape = x[0].shape();
                       shape.insert(int(d), 3);
                       return each_place(shape, [&](Place p) { const size_t i = size_t(p[d]); p.erase(p.begin() + long(d)); return at(x[i], p); });
                     }});
  table.push_back({"split and chunk", {normal({5, 7})}, [](auto& x) {
                     auto a = split(x[0], 3, 1);
                     auto b = chunk(x[0], 2, 0);
                     return cat({reshape(a[2] * 2, {-1}), reshape(b[0] * 3, {-1}), reshape(b[1], {-1})});
                   }, {}, 4, false, {}, true});  // several ops, each of which rounds
  check_all(table);
  const Tensor x = normal({5, 7});
  auto sizes = [](const std::vector<Tensor>& parts, int dim) { std::vector<int64_t> s; for (auto& p : parts) s.push_back(p.size(dim)); return s; };
  EXPECT_EQ(sizes(split(x, 3, 1), 1), (std::vector<int64_t>{3, 3, 1}));
  EXPECT_EQ(sizes(chunk(x, 2), 0), (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(sizes(chunk(x, 9), 0), (std::vector<int64_t>{1, 1, 1, 1, 1}));
  EXPECT_EQ(sizes(split(zeros({0, 2}), 3), 0), (std::vector<int64_t>{0}));
  EXPECT_EQ(split(x, 3, 1)[1].data<double>(), x.data<double>() + 3);
  EXPECT_EQ(error_of([&] { split(x, 0); }), "split: the size is 0; it must be at least 1\n  x: f64[5, 7] on cpu");
  EXPECT_EQ(error_of([&] { stack({x, zeros({5})}); }), "stack: x[1] is f32[5] on cpu, x[0] is f64[5, 7] on cpu");
}

TEST(Pad, ValuesAndGradients) {
  struct Case { Shape x; std::vector<int64_t> amounts; };
  const Case cases[] = {{{3}, {1, 2}}, {{3}, {0, 0}}, {{3}, {-1, 2}}, {{4}, {2, -3}}, {{3}, {-1, -1}}, {{0}, {2, 1}}, {{2, 3}, {1, 0}}, {{2, 3}, {1, 1, 2, 0}}, {{2, 3}, {-1, 1, 1, -1}}, {{2, 3}, {}},
                        {{1, 2, 3, 4}, {1, 2, 3, 4}}, {{2, 3, 4, 4}, {2, 2, 2, 2}}, {{2, 3, 4, 4}, {0, 0, 1, 1}}, {{2, 3, 4, 4}, {0, 0, 0, 0, 1, 2}}, {{2, 2, 2}, {1, 1, 1, 1, 1, 1}}, {{2, 0, 2}, {1, 1, 1, 1}},
                        {{1, 1}, {3, 0, 0, 3}}, {{2, 1, 2, 1, 2, 1}, {1, 0, 0, 1}}, {{5, 5}, {-2, -3}}, {{2, 16, 3, 3}, {1, 1, 1, 1}}};
  std::vector<OpCase> table;
  for (const Case& c : cases)
    table.push_back({"pad " + to_string(c.x), {normal(c.x)}, [=](auto& x) { return pad(x[0], c.amounts, 2.5); }, [=](const Inputs& x) {
                       auto before = [&](int i) { const size_t k = size_t(2 * (x[0].rank() - 1 - i)); return k < c.amounts.size() ? c.amounts[k] : 0; };
                       auto after = [&](int i) { const size_t k = size_t(2 * (x[0].rank() - 1 - i)); return k < c.amounts.size() ? c.amounts[k + 1] : 0; };
                       Shape shape = c.x;
                       for (int i = 0; i < shape.rank(); ++i) shape[i] += before(i) + after(i);
                       return each_place(shape, [&](Place p) {
                         for (int i = 0; i < shape.rank(); ++i) if ((p[size_t(i)] -= before(i)) < 0 || p[size_t(i)] >= c.x[i]) return 2.5;
                         return at(x[0], p);
                       });
                     }, {}, true});
  for (const auto& [shape, amounts] : std::vector<std::pair<Shape, std::vector<int64_t>>>{{{4}, {3, 2}}, {{3, 4}, {1, 2, 2, 0}}, {{1, 2, 3, 4}, {1, 1, 2, 2}}, {{2, 3, 5, 5}, {0, 4}}, {{2, 2}, {1, 1, 1, 1}}})
    for (PadMode mode : {PadMode::reflect, PadMode::replicate})
      table.push_back({"pad mode " + to_string(shape), {normal(shape)}, [=](auto& x) { return pad(x[0], amounts, mode); }, [=](const Inputs& x) {
                         Shape y = shape;
                         for (size_t k = 0; k < amounts.size(); ++k) y[shape.rank() - 1 - int(k / 2)] += amounts[k];
                         return each_place(y, [&](Place p) {
                           for (size_t k = 0; k < amounts.size(); k += 2) {
                             const int d = shape.rank() - 1 - int(k / 2);
                             int64_t& i = p[size_t(d)];
                             i -= amounts[k];
                             if (mode == PadMode::replicate) i = i < 0 ? 0 : i >= shape[d] ? shape[d] - 1 : i;
                             else { i = std::abs(i); if (i >= shape[d]) i = 2 * shape[d] - 2 - i; }
                           }
                           return at(x[0], p);
                         });
                       }, 16, false, {}, true});  // one op for each dimension, each of which rounds
  check_all(table);
  const Tensor images = contiguous(cast(normal({2, 3, 4, 4}), f32), Layout::channels_last);
  EXPECT_TRUE(pad(images, {1, 1, 1, 1}).has_layout(Layout::channels_last));
  EXPECT_TRUE(pad(images, {1, 1, 1, 1}, PadMode::reflect).has_layout(Layout::channels_last));
  EXPECT_EQ(error_of([] { pad(zeros({2}), {1}); }), "pad: 1 amounts; there must be two for each padded dimension, and x has 1 dimensions\n  x: f32[2] on cpu");
  EXPECT_EQ(error_of([] { pad(zeros({2}), {-1, -2}); }), "pad: dimension 0 of size 2 cannot be padded by -1 and -2\n  x: f32[2] on cpu");
  EXPECT_EQ(error_of([] { pad(zeros({2}), {2, 0}, PadMode::reflect); }), "pad: dimension 0 of size 2 cannot be padded by 2 and 0 mirrored entries\n  x: f32[2] on cpu");
}

TEST(Flip, FlipAndRoll) {
  std::vector<OpCase> table;
  const std::pair<Shape, Shape> cases[] = {{{5}, {0}}, {{1}, {0}}, {{0}, {0}}, {{2, 3}, {0}}, {{2, 3}, {1}}, {{2, 3}, {0, 1}}, {{2, 3}, {}}, {{2, 3, 4, 5}, {3}}, {{2, 3, 4, 5}, {-1, -2}}, {{2, 3, 4, 5}, {1}},
                                           {{2, 3, 4, 5}, {0, 1, 2, 3}}, {{1, 3, 1}, {0, 1}}, {{2, 0, 3}, {2}}, {{33, 40}, {0}}, {{33, 40}, {1}}, {{2, 2, 2, 2, 2, 2}, {1, 4}}};
  for (const auto& [shape, dims] : cases)
    table.push_back({"flip " + to_string(shape) + to_string(dims), {normal(shape)}, [dims = dims](auto& x) { return flip(x[0], dims); }, [dims = dims](const Inputs& x) {
                       return each_place(x[0].shape(), [&](Place p) {
                         for (int64_t d : dims) { const size_t k = positive_dim(x[0], int(d)); p[k] = x[0].shape()[int(k)] - 1 - p[k]; }
                         return at(x[0], p);
                       });
                     }});
  for (int64_t shift : {0, 1, -1, 3, 7, -9})
    for (int dim : {0, 1, -1})
      table.push_back({"roll " + std::to_string(shift), {normal({4, 3})}, [=](auto& x) { return roll(x[0], shift, dim); }, [=](const Inputs& x) {
                         return each_place(x[0].shape(), [&](Place p) {
                           const size_t k = positive_dim(x[0], dim);
                           const int64_t n = x[0].shape()[int(k)];
                           p[k] = ((p[k] - shift) % n + n) % n;
                           return at(x[0], p);
                         });
                       }});
  check_all(table);
  EXPECT_EQ(error_of([] { flip(zeros({2, 3}), {0, -2}); }), "flip: dims [0, -2] name dimension 0 twice\n  x: f32[2, 3] on cpu");
}

TEST(SliceUpdate, ValuesAndGradients) {
  struct Case { Shape x, update; int dim; int64_t start; };
  const Case cases[] = {{{5}, {2}, 0, 1}, {{5}, {5}, 0, 0}, {{5}, {0}, 0, 2}, {{5}, {2}, -1, -2}, {{3, 4}, {1, 4}, 0, 1}, {{3, 4}, {3, 2}, 1, 2}, {{3, 4}, {4}, 0, 2}, {{3, 4}, {1, 1}, 0, 0}, {{3, 4}, {1, 3}, 1, 1},
                        {{2, 3, 4, 5}, {2, 2, 4, 5}, 1, 1}, {{2, 3, 4, 5}, {1, 1, 5}, 2, 3}, {{2, 3, 4, 5}, {2, 3, 4, 1}, 3, -1}, {{2, 3, 4, 5}, {}, 0, 1}, {{1, 1}, {1, 1}, 0, 0}, {{0, 3}, {0, 1}, 1, 2},
                        {{2, 3, 2, 1, 2, 2}, {2, 3, 1, 1, 2, 2}, 2, 1}, {{4, 3}, {2, 3}, 0, 1}, {{4, 3}, {2, 1}, 0, 2}, {{33, 5}, {20, 5}, 0, 7}, {{2, 16, 3, 3}, {2, 8, 3, 3}, 1, 8}};
  std::vector<OpCase> table;
  for (const Case& c : cases)
    table.push_back({"slice_update " + to_string(c.x) + to_string(c.update), {normal(c.x, 1), normal(c.update, 2)}, [=](auto& x) { return slice_update(x[0], x[1], c.dim, c.start); },
                     [=](const Inputs& x) {
                       const size_t d = positive_dim(x[0], c.dim);
                       const int64_t start = c.start < 0 ? c.start + c.x[int(d)] : c.start;
                       const int lead = c.x.rank() - c.update.rank();
                       const int64_t size = int(d) >= lead ? c.update[int(d) - lead] : 1;
                       return each_place(c.x, [&](const Place& p) {
                         if (p[d] < start || p[d] >= start + size) return at(x[0], p);
                         Place q(p.begin() + lead, p.end());
                         if (int(d) >= lead) q[d - size_t(lead)] -= start;
                         for (size_t i = 0; i < q.size(); ++i) if (c.update[int(i)] == 1) q[i] = 0;
                         return at(x[1], q);
                       });
                     }, c.x.count() + 1});
  check_all(table);
  EXPECT_EQ(error_of([] { slice_update(zeros({3}), zeros({2}), 0, 2); }),
            "slice_update: entries 2 to 3 are not all in dimension 0 of size 3\n  x:      f32[3] on cpu\n  update: f32[2] on cpu");
  EXPECT_EQ(error_of([] { slice_update(zeros({3, 4}), zeros({1, 3}), 0, 0); }),
            "slice_update: size 3 does not expand to 4\n  x:      f32[3, 4] on cpu\n  update: f32[1, 3] on cpu");
}
