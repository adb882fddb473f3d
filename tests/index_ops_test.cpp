#include <cmath>
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
// x as [outer, size, inner] around dim, from its values in row-major order.
struct Rows {
  int64_t outer = 1, size, inner = 1;
  std::vector<double> v;
  Rows(const Tensor& x, int dim) : size(x.size(dim)), v(x.to_vector<double>()) {
    const int d = dim < 0 ? dim + x.rank() : dim;
    for (int i = 0; i < d; ++i) outer *= x.shape()[i];
    for (int i = d + 1; i < x.rank(); ++i) inner *= x.shape()[i];
  }
  double& operator()(int64_t o, int64_t k, int64_t i) { return v[size_t((o * size + k) * inner + i)]; }
};
struct Case { Shape x; int dim; int64_t ids; };
const Case cases[] = {{{5}, 0, 3}, {{5}, 0, 0}, {{1}, 0, 4}, {{5, 3}, 0, 7}, {{5, 3}, 1, 2}, {{5, 3}, -1, 4}, {{5, 1}, 0, 2}, {{2, 3, 4}, 0, 5}, {{2, 3, 4}, 1, 5}, {{2, 3, 4}, 2, 5}, {{2, 3, 4}, -2, 1},
                      {{2, 3, 4, 5}, 0, 3}, {{2, 3, 4, 5}, 1, 4}, {{2, 3, 4, 5}, 2, 2}, {{2, 3, 4, 5}, 3, 7}, {{3, 0}, 0, 2}, {{1, 4, 1, 2}, 1, 3}, {{40, 33}, 0, 20}, {{2, 2, 2, 1, 2, 3}, 5, 2}, {{2, 2, 2, 3, 2, 3}, 3, 4}};
}  // namespace

TEST(IndexSelect, ValuesAndGradients) {
  std::vector<OpCase> table;
  for (const Case& c : cases)
    for (DType t : {i64, i32})
      table.push_back({"index_select " + to_string(c.x) + " dim " + std::to_string(c.dim), {normal(c.x), cast(ids({c.ids}, c.x[c.dim]), t)}, [=](auto& x) { return index_select(x[0], c.dim, x[1]); },
                       [=](const Inputs& in) {
                         Rows x(in[0], c.dim);
                         const auto id = in[1].to_vector<int64_t>();
                         std::vector<double> y;
                         for (int64_t o = 0; o < x.outer; ++o) for (int64_t k : id) for (int64_t i = 0; i < x.inner; ++i) y.push_back(x(o, k, i));
                         return y;
                       }, c.ids + 1});
  check_all(table);
  const Tensor images = contiguous(cast(normal({4, 3, 5, 5}), f32), Layout::channels_last).set_requires_grad();
  const int64_t before = layout_conversions();
  const Tensor y = index_select(images, 0, from(std::vector<int64_t>{3, 1}));
  EXPECT_TRUE(y.has_layout(Layout::channels_last));
  y.backward(ones_like(y));
  EXPECT_EQ(layout_conversions(), before);
  EXPECT_EQ(error_of([] { index_select(zeros({3, 2}), 0, from(std::vector<int64_t>{1, 3})); }), "index_select: id 3 is not in [0, 3)\n  x:   f32[3, 2] on cpu\n  ids: i64[2] on cpu");
  EXPECT_EQ(error_of([] { index_select(zeros({3, 2}), 0, from(std::vector<int64_t>{-1})); }), "index_select: id -1 is not in [0, 3)\n  x:   f32[3, 2] on cpu\n  ids: i64[1] on cpu");
  EXPECT_EQ(error_of([] { index_select(zeros({3, 2}), 0, zeros({2})); }), "index_select: ids is f32; it must be i64 or i32\n  x:   f32[3, 2] on cpu\n  ids: f32[2] on cpu");
  EXPECT_EQ(error_of([] { index_select(zeros({3, 2}), 0, zeros({2, 2}, {i64})); }), "index_select: ids must have 1 dimension, it has 2\n  x:   f32[3, 2] on cpu\n  ids: i64[2, 2] on cpu");
}
TEST(IndexAdd, ValuesAndGradients) {
  std::vector<OpCase> table;
  for (const Case& c : cases) {
    Shape values = c.x;
    values[c.dim] = c.ids;
    table.push_back({"index_add " + to_string(c.x) + " dim " + std::to_string(c.dim), {normal(c.x), ids({c.ids}, c.x[c.dim]), normal(values, 3)},
                     [=](auto& x) { return index_add(x[0], c.dim, x[1], x[2]); }, [=](const Inputs& in) {
                       Rows y(in[0], c.dim), v(in[2], c.dim);
                       const auto id = in[1].to_vector<int64_t>();
                       for (int64_t o = 0; o < y.outer; ++o) for (size_t k = 0; k < id.size(); ++k) for (int64_t i = 0; i < y.inner; ++i) y(o, id[k], i) += v(o, int64_t(k), i);
                       return y.v;
                     }, c.ids + 1});
  }
  check_all(table);
  EXPECT_EQ(index_add(ones({3}, {i32}), 0, from(std::vector<int64_t>{2, 2}), ones({2}, {i32})).to_vector<int64_t>(), (std::vector<int64_t>{1, 1, 3}));
  EXPECT_EQ(error_of([] { index_add(zeros({3, 2}), 0, zeros({2}, {i64}), zeros({2, 3})); }),
            "index_add: values must be [2, 2], it is [2, 3]\n  x:      f32[3, 2] on cpu\n  ids:    i64[2] on cpu\n  values: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([] { index_add(zeros({3}), 0, full({1}, 4, {i64}), zeros({1})); }),
            "index_add: id 4 is not in [0, 3)\n  x:      f32[3] on cpu\n  ids:    i64[1] on cpu\n  values: f32[1] on cpu");
}
TEST(Embedding, ValuesAndGradients) {
  std::vector<OpCase> table;
  for (const auto& [rows, width, shape] : std::vector<std::tuple<int64_t, int64_t, Shape>>{{5, 3, {4}}, {1, 1, {1}}, {5, 3, {}}, {5, 3, {0}}, {7, 2, {2, 3}}, {3, 16, {2, 2, 2}}, {50, 5, {40}}, {2, 33, {9}},
                                                                                          {1, 4, {3}}, {4, 1, {5}}, {2, 2, {1, 1}}, {3, 5, {2, 0}}, {6, 4, {1, 7}}, {9, 1, {3, 1}}, {2, 3, {2, 1, 3}}, {5, 2, {1, 1, 1}},
                                                                                          {3, 7, {2, 1, 2, 1}}, {4, 3, {11}}, {8, 8, {8}}, {3, 2, {1, 2, 1, 2, 1}}})
    table.push_back({"embedding " + to_string(shape), {normal({rows, width}), ids(shape, rows)}, [](auto& x) { return embedding(x[0], x[1]); }, [](const Inputs& in) {
                       Rows w(in[0], 0);
                       std::vector<double> y;
                       for (int64_t id : in[1].to_vector<int64_t>()) for (int64_t i = 0; i < w.inner; ++i) y.push_back(w(0, id, i));
                       return y;
                     }, shape.count() + 1});
  check_all(table);
  const Tensor w = zeros({3, 2}).set_requires_grad();
  embedding(w, from(std::vector<int64_t>{1, 2, 1, 0}), {.padding_id = 1}).backward(ones({4, 2}));
  EXPECT_EQ(w.grad().to_vector<double>(), (std::vector<double>{1, 1, 0, 0, 1, 1}));
  EXPECT_EQ(error_of([] { embedding(zeros({3, 2}), from(std::vector<int64_t>{1, 7})); }), "embedding: id 7 is not in [0, 3)\n  weight: f32[3, 2] on cpu\n  ids:    i64[2] on cpu");
  EXPECT_EQ(error_of([] { embedding(zeros({3}), from(std::vector<int64_t>{1})); }), "embedding: weight must have 2 dimensions (rows, width), it has 1\n  weight: f32[3] on cpu\n  ids:    i64[1] on cpu");
}
TEST(Embedding, SumsOfManyAreKeptInFloat) {  // 4096 ones: bf16 alone would stop at 256
  const Tensor w = zeros({3, 2}, {bf16}).set_requires_grad();
  embedding(w, ones({4096}, {i64})).backward(ones({4096, 2}, {bf16}));
  EXPECT_EQ(w.grad().to_vector<double>(), (std::vector<double>{0, 0, 4096, 4096, 0, 0}));
}
TEST(Gather, ValuesAndGradients) {
  struct Case { Shape x, ids; int dim; };
  const Case cases[] = {{{5}, {3}, 0}, {{5}, {9}, 0}, {{5}, {0}, 0}, {{4, 3}, {4, 1}, 1}, {{4, 3}, {4, 5}, 1}, {{4, 3}, {2, 3}, 0}, {{4, 3}, {2, 2}, 0}, {{4, 3}, {2, 2}, 1}, {{4, 3}, {6, 3}, -2}, {{2, 3, 4}, {2, 3, 2}, 2},
                        {{2, 3, 4}, {2, 5, 4}, 1}, {{2, 3, 4}, {1, 2, 3}, 0}, {{2, 3, 4, 5}, {2, 2, 4, 5}, 1}, {{2, 3, 4, 5}, {2, 3, 4, 1}, -1}, {{1, 1}, {1, 1}, 0}, {{1, 3}, {4, 3}, 0}, {{70, 10}, {70, 1}, 1},
                        {{2, 2, 2, 2, 2, 2}, {2, 2, 2, 3, 2, 2}, 3}, {{5, 1}, {5, 4}, 1}, {{3, 4}, {0, 4}, 0}};
  std::vector<OpCase> table;
  for (const Case& c : cases)
    table.push_back({"gather " + to_string(c.x) + to_string(c.ids), {normal(c.x), ids(c.ids, c.x[c.dim])}, [=](auto& x) { return gather(x[0], c.dim, x[1]); }, [=](const Inputs& in) {
                       const auto id = in[1].to_vector<int64_t>();
                       const auto v = in[0].to_vector<double>();
                       std::vector<double> y;
                       for (int64_t at = 0; at < c.ids.count(); ++at) {
                         int64_t rest = at, place = 0, step = 1;
                         for (int i = c.x.rank(); i-- > 0;) {
                           const int64_t k = rest % c.ids[i];
                           rest /= c.ids[i];
                           place += (i == (c.dim < 0 ? c.dim + c.x.rank() : c.dim) ? id[size_t(at)] : k) * step;
                           step *= c.x[i];
                         }
                         y.push_back(v[size_t(place)]);
                       }
                       return y;
                     }, c.ids.count() + 1});
  check_all(table);
  EXPECT_EQ(error_of([] { gather(zeros({2, 3}), 1, full({2, 1}, 5, {i64})); }), "gather: id 5 is not in [0, 3)\n  x:   f32[2, 3] on cpu\n  ids: i64[2, 1] on cpu");
  EXPECT_EQ(error_of([] { gather(zeros({2, 3}), 1, zeros({3, 1}, {i64})); }), "gather: ids has size 3 in dimension 0, x has 2\n  x:   f32[2, 3] on cpu\n  ids: i64[3, 1] on cpu");
  EXPECT_EQ(error_of([] { gather(zeros({2, 3}), 1, zeros({3}, {i64})); }), "gather: ids has 1 dimensions, x has 2\n  x:   f32[2, 3] on cpu\n  ids: i64[3] on cpu");
}
TEST(Index, ByTensors) {
  const Tensor mask2 = cast(ids({4, 3}, 2, 7), boolean), mask1 = cast(ids({4}, 2, 3), boolean), id = from(std::vector<int64_t>{-1, 0, 3, -4}), grid = ids({2, 3}, 4);
  check_all({{"x[ids]", {normal({4, 3, 2})}, [=](auto& x) { return x[0][to(id, x[0].device())]; }, [](const Inputs& in) {
                Rows x(in[0], 0);
                std::vector<double> y;
                for (int64_t k : {3, 0, 3, 0}) for (int64_t i = 0; i < 6; ++i) y.push_back(x(0, k, i));
                return y;
              }, 4},
             {"x[grid]", {normal({4, 3})}, [=](auto& x) { return x[0][to(grid, x[0].device())]; }, [=](const Inputs& in) {
                Rows x(in[0], 0);
                std::vector<double> y;
                for (int64_t k : grid.to_vector<int64_t>()) for (int64_t i = 0; i < 3; ++i) y.push_back(x(0, k, i));
                return y;
              }, 6},
             {"x[rows]", {normal({4, 3, 2, 2})}, [=](auto& x) { return x[0][to(mask1, x[0].device())]; }, [=](const Inputs& in) {
                Rows x(in[0], 0);
                std::vector<double> y;
                const auto m = mask1.to_vector<int64_t>();
                for (int64_t k = 0; k < 4; ++k) if (m[size_t(k)]) for (int64_t i = 0; i < 12; ++i) y.push_back(x(0, k, i));
                return y;
              }},
             {"x[mask]", {normal({4, 3, 2})}, [=](auto& x) { return x[0][to(mask2, x[0].device())]; }, [=](const Inputs& in) {
                Rows x(in[0], 2);
                std::vector<double> y;
                const auto m = mask2.to_vector<int64_t>();
                for (int64_t o = 0; o < 12; ++o) if (m[size_t(o)]) for (int64_t k = 0; k < 2; ++k) y.push_back(x(o, k, 0));
                return y;
              }},
             {"masked_select", {normal({2, 4, 3})}, [=](auto& x) { return masked_select(x[0], to(mask2, x[0].device())); }, [=](const Inputs& in) {
                std::vector<double> y, v = in[0].to_vector<double>();
                const auto m = mask2.to_vector<int64_t>();
                for (size_t i = 0; i < v.size(); ++i) if (m[i % 12]) y.push_back(v[i]);
                return y;
              }},
             {"masked_fill", {normal({2, 4, 3})}, [=](auto& x) { return masked_fill(x[0], to(mask2, x[0].device()), 7); }, [=](const Inputs& in) {
                std::vector<double> v = in[0].to_vector<double>();
                const auto m = mask2.to_vector<int64_t>();
                for (size_t i = 0; i < v.size(); ++i) if (m[i % 12]) v[i] = 7;
                return v;
              }}});
  EXPECT_EQ(flatnonzero(tensor({{0, 2}, {NAN, 0}})).to_vector<int64_t>(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(zeros({3, 2})[zeros({3}, {boolean})].shape(), Shape({0, 2}));
  EXPECT_EQ(masked_fill(ones({2}, {bf16}), tensor({1, 0}, {boolean}), -1).dtype(), bf16);
  const Tensor x = zeros({3, 2});
  EXPECT_EQ(error_of([&] { x[zeros({3})]; }), "x[index]: the index must be a bool mask or i64 or i32 ids\n  x:     f32[3, 2] on cpu\n  index: f32[3] on cpu");
  EXPECT_EQ(error_of([&] { x[zeros({2}, {boolean})]; }), "x[mask]: the mask's shape must be that of x's first dimensions\n  x:    f32[3, 2] on cpu\n  mask: bool[2] on cpu");
  EXPECT_EQ(error_of([&] { x[full({1}, -4, {i64})]; }), "index_select: id -4 is not in [-3, 3)\n  x:   f32[3, 2] on cpu\n  ids: i64[1] on cpu");
  EXPECT_EQ(error_of([&] { masked_fill(x, zeros({2, 3, 2}, {boolean}), 0); }), "masked_fill: the mask does not broadcast to x\n  x:    f32[3, 2] on cpu\n  mask: bool[2, 3, 2] on cpu");
  EXPECT_EQ(error_of([&] { masked_select(x, x); }), "masked_select: the mask must be bool\n  x:    f32[3, 2] on cpu\n  mask: f32[3, 2] on cpu");
}
TEST(OneHot, Values) {
  const Tensor y = one_hot(from(std::vector<int32_t>{2, 0}), 3);
  EXPECT_EQ(y.dtype(), i64);
  EXPECT_EQ(y.to_vector<int64_t>(), (std::vector<int64_t>{0, 0, 1, 1, 0, 0}));
  EXPECT_EQ(one_hot(from(std::vector<uint8_t>{1}), 2, bf16).to_vector<double>(), (std::vector<double>{0, 1}));
  EXPECT_EQ(one_hot(zeros({2, 0, 3}, {i64}), 4).shape(), Shape({2, 0, 3, 4}));
  EXPECT_EQ(error_of([] { one_hot(from(std::vector<int64_t>{0, 3}), 3); }), "one_hot: id 3 is not in [0, 3)\n  ids: i64[2] on cpu");
  EXPECT_EQ(error_of([] { one_hot(zeros({2}), 3); }), "one_hot: ids is f32; it must be i64, i32 or u8\n  ids: f32[2] on cpu");
}
TEST(Sort, ValuesAndGradients) {
  std::vector<OpCase> table;
  const std::pair<Shape, int> cases[] = {{{7}, 0}, {{1}, 0}, {{0}, 0}, {{3, 5}, 0}, {{3, 5}, 1}, {{3, 5}, -2}, {{2, 3, 4}, 1}, {{2, 3, 4}, 0}, {{2, 3, 4, 5}, 1}, {{2, 3, 4, 5}, -1}, {{4, 1}, 1}, {{2, 0}, 1}, {{3, 70}, 1}, {{2, 2, 2, 2, 2, 3}, 5}};
  for (const auto& [shape, dim] : cases)
    for (bool descending : {false, true}) {
      auto sorted = [dim = dim, descending](const Inputs& in, int64_t k, bool places) {
        Rows x(in[0], dim), y = x;
        y.size = k;
        y.v.assign(size_t(y.outer * k * y.inner), 0);
        for (int64_t o = 0; o < x.outer; ++o)
          for (int64_t i = 0; i < x.inner; ++i) {
            std::vector<bool> used(size_t(x.size), false);
            for (int64_t n = 0; n < k; ++n) {  // selection: the first of the best that is left
              int64_t best = -1;
              for (int64_t j = 0; j < x.size; ++j)
                if (!used[size_t(j)] && (best < 0 || (descending ? x(o, j, i) > x(o, best, i) : x(o, j, i) < x(o, best, i)))) best = j;
              used[size_t(best)] = true;
              y(o, n, i) = places ? double(best) : x(o, best, i);
            }
          }
        return y.v;
      };
      const int64_t n = shape[dim], k = std::max<int64_t>(1, n / 2);
      const std::string name = to_string(shape) + " dim " + std::to_string(dim) + (descending ? " descending" : "");
      table.push_back({"sort " + name, {distinct(shape)}, [=, dim = dim](auto& x) { return sort(x[0], {dim, descending}).values; }, [=](const Inputs& in) { return sorted(in, n, false); }, 1, true});
      if (n && descending) table.push_back({"topk " + name, {distinct(shape)}, [=, dim = dim](auto& x) { return topk(x[0], k, dim).values; }, [=](const Inputs& in) { return sorted(in, k, false); }, 1, true});
      OpCase places{"argsort " + name, {distinct(shape)}, [=, dim = dim](auto& x) { return argsort(x[0], {dim, descending}); }, [=](const Inputs& in) { return sorted(in, n, true); }};
      places.differentiable = false;
      places.floats_only = true;
      table.push_back(places);
    }
  check_all(table);
}
TEST(Sort, TiesAndNan) {
  const Tensor x = tensor({3, NAN, 1, 3, -HUGE_VAL, 1, NAN, HUGE_VAL});
  EXPECT_EQ(argsort(x).to_vector<int64_t>(), (std::vector<int64_t>{4, 2, 5, 0, 3, 7, 1, 6}));
  EXPECT_EQ(argsort(x, {.descending = true}).to_vector<int64_t>(), (std::vector<int64_t>{1, 6, 7, 0, 3, 2, 5, 4}));
  EXPECT_EQ(topk(x, 4).indices.to_vector<int64_t>(), (std::vector<int64_t>{1, 6, 7, 0}));
  EXPECT_EQ(sort(from(std::vector<int64_t>{INT64_MAX, INT64_MIN, INT64_MAX - 1})).values.to_vector<int64_t>(), (std::vector<int64_t>{INT64_MIN, INT64_MAX - 1, INT64_MAX}));
  EXPECT_EQ(sort(zeros({100000})).indices[99999].item_i64(), 99999);
  EXPECT_EQ(error_of([&] { topk(x, 9); }), "topk: k is 9; it must be between 1 and the 8 entries of the dimension\n  x: f32[8] on cpu");
  EXPECT_EQ(error_of([&] { sort(Tensor(1.f)); }), "sort: x has no dimension\n  x: f32[] on cpu");
}
