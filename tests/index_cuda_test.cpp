#include <cmath>
#include "mica/mica.h"
#include "op_case.h"
// Indexing, sorting and scans on a GPU where its kernels take other ways than at the sizes of the op cases: more than one block, ids that are
// sorted, rows that are cut into parts; and ids that only a kernel sees to be out of range.
using namespace mica;
using namespace mica::testing;

namespace {
class IndexingOnCuda : public ::testing::Test {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
};

// f's result on cuda is the CPU's, to `tolerance` relative to 1 + |value|: 0 where both add in one order, or only move.
void expect_same(const std::string& what, const Inputs& x, const std::function<Tensor(const Inputs&)>& f, double tolerance = 0) {
  SCOPED_TRACE(what);
  Inputs moved;
  for (const Tensor& t : x) moved.push_back(to(t, cuda()));
  const Tensor a = f(x), b = f(moved);
  EXPECT_EQ(b.device(), cuda());
  EXPECT_EQ(a.dtype(), b.dtype());
  const std::vector<double> expected = a.to_vector<double>(), got = b.to_vector<double>();
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i] || (std::isnan(got[i]) && std::isnan(expected[i]))) continue;
    ASSERT_LE(std::abs(got[i] - expected[i]), tolerance * (1 + std::abs(expected[i]))) << "element " << i << " is " << got[i] << ", on the CPU " << expected[i];
  }
}
Tensor numbers(const Shape& s, uint64_t seed, DType t) { return cast(is_float(t) ? normal(s, seed) : ids(s, 100, seed), t); }
constexpr DType all_dtypes[] = {f64, f32, f16, bf16, i64, i32, u8};
}  // namespace

TEST_F(IndexingOnCuda, SumsAreInTheCpusOrder) {
  const Tensor some = ids({200}, 300), skewed = cast(ids({3000}, 2, 3), i32), column = ids({50, 400}, 300, 2);
  for (DType t : all_dtypes) {
    const std::string in = std::string(" in ") + name_of(t);
    expect_same("index_add" + in, {numbers({300, 40}, 1, t), some, numbers({200, 40}, 2, t)}, [](auto& x) { return index_add(x[0], 0, x[1], x[2]); });
    expect_same("index_add in the middle" + in, {numbers({3, 300, 7}, 1, t), some, numbers({3, 200, 7}, 2, t)}, [](auto& x) { return index_add(x[0], 1, x[1], x[2]); });
    expect_same("index_add of repeated ids" + in, {numbers({5, 120}, 1, t), skewed, numbers({3000, 120}, 2, t)}, [](auto& x) { return index_add(x[0], 0, x[1], x[2]); });
    expect_same("index_add of few" + in, {numbers({5, 12}, 1, t), skewed, numbers({3000, 12}, 2, t)}, [](auto& x) { return index_add(x[0], 0, x[1], x[2]); });
    expect_same("index_select" + in, {numbers({300, 12}, 1, t), some}, [](auto& x) { return index_select(x[0], 0, x[1]); });
    expect_same("index_select of odd rows" + in, {numbers({3, 300, 5}, 1, t), some}, [](auto& x) { return index_select(x[0], 1, x[1]); });
    expect_same("index_select of an odd place" + in, {numbers({300 * 12 + 1}, 1, t), some}, [](auto& x) { return index_select(reshape(slice(x[0], 0, 1), {300, 12}), 0, x[1]); });
    expect_same("gather" + in, {numbers({50, 300}, 1, t), column}, [](auto& x) { return gather(x[0], 1, x[1]); });
    if (is_float(t)) expect_same("gather's gradient" + in, {numbers({50, 300}, 1, t), column, numbers({50, 400}, 2, t)}, [](auto& x) {
      const Tensor leaf = x[0].detach().set_requires_grad();
      gather(leaf, 1, x[1]).backward(x[2]);
      return leaf.grad();
    });
  }
}

TEST_F(IndexingOnCuda, AGradientOfAShadowedTableIsFloat32) {  // 16-bit values are added into it
  for (DType t : {bf16, f16})
    for (int64_t rows : {9, 3000})
      expect_same(name_of(t), {numbers({rows, 20}, 1, f32), ids({500}, rows, 2), numbers({500, 20}, 3, t)}, [t](auto& x) {
        const Tensor w = x[0].detach().set_requires_grad();
        set_compute_type(w, t);
        embedding(w, x[1], {.padding_id = 3}).backward(x[2]);
        return w.grad();
      });
}

TEST_F(IndexingOnCuda, SortsAreStable) {
  for (const Shape& shape : {Shape{700}, Shape{3, 1100}, Shape{40, 513}, Shape{1, 5000}, Shape{600, 9}, Shape{2, 512}})
    for (DType t : all_dtypes)
      for (bool descending : {false, true}) {
        Tensor x = cast(ids(shape, 150, 5), f64) - 75;  // many ties
        if (t == u8) x = x + 75;
        if (is_float(t)) x = where(ids(shape, 11, 7) == 0, full({}, NAN, {f64}), where(x == 3, full({}, -0.0, {f64}), where(x == 4, full({}, 0.0, {f64}), where(x == 5, full({}, -HUGE_VAL, {f64}), x))));
        x = cast(x, t);
        const std::string what = to_string(shape) + " in " + name_of(t) + (descending ? ", descending" : "");
        expect_same("sort " + what, {x}, [=](auto& x) { return sort(x[0], {.descending = descending}).values; });
        expect_same("argsort " + what, {x}, [=](auto& x) { return argsort(x[0], {.descending = descending}); });
        if (descending) expect_same("topk " + what, {x}, [](auto& x) { return topk(x[0], 7).indices; });
      }
}

TEST_F(IndexingOnCuda, CumulativeSums) {
  for (const auto& [shape, dim] : std::vector<std::pair<Shape, int>>{{{33}, 0}, {{1024}, 0}, {{1025}, 0}, {{30'001}, 0}, {{3, 9000}, 1}, {{5000, 3}, 0}, {{70, 50}, 0}, {{2, 5, 40}, 1}, {{300, 20}, 1}})
    for (DType t : all_dtypes) {  // in double, whose order of sums is another: a rounding to the dtype may go the other way
      const double tolerance = t == f64 ? 1e-12 : t == f32 ? 1e-6 : t == f16 ? 1e-3 : t == bf16 ? 8e-3 : 0;
      const std::string what = to_string(shape) + " in " + name_of(t);
      expect_same(what, {numbers(shape, 1, t)}, [dim = dim](auto& x) { return cumsum(x[0], dim); }, tolerance);
      if (is_float(t)) expect_same("gradient of " + what, {numbers(shape, 1, t), numbers(shape, 2, t)}, [dim = dim](auto& x) {
        const Tensor leaf = x[0].detach().set_requires_grad();
        cumsum(leaf, dim).backward(x[1]);
        return leaf.grad();
      }, tolerance);
    }
}

TEST_F(IndexingOnCuda, MasksAndOneHot) {
  const Tensor x = cast(ids({70, 90}, 3, 2), f32), mask = x == 0;
  expect_same("flatnonzero", {x}, [](auto& x) { return flatnonzero(x[0]); });
  expect_same("flatnonzero of a transposed mask", {mask}, [](auto& x) { return flatnonzero(transpose(x[0], 0, 1)); });
  expect_same("flatnonzero of nothing", {zeros({500})}, [](auto& x) { return flatnonzero(x[0]); });
  expect_same("x[mask]", {normal({70, 90}), mask}, [](auto& x) { return x[0][x[1]]; });
  for (DType t : {f64, f32, f16, bf16, i64, i32, u8, boolean})
    for (DType of : {i64, i32, u8}) expect_same(name_of(t), {cast(ids({4, 33}, 17), of)}, [t](auto& x) { return one_hot(x[0], 17, t); });
}

TEST_F(IndexingOnCuda, ABadIdIsToldAtTheNextWait) {
  const std::string end = ". A kernel on cuda:0 found it; the host learns of it when it waits for the device";
  const TensorOptions there_f32{f32, cuda()};
  const Tensor x = ones({3, 2}, there_f32);
  auto id = [](std::vector<int64_t> v) { return to(from(v), cuda()); };
  auto column = [](std::vector<int64_t> v) { return to(from(v, {int64_t(v.size()), 1}), cuda()); };
  struct Case { std::string expected; std::function<Tensor()> f; };
  const Tensor w = ones({3, 2}, there_f32).set_requires_grad();
  const std::vector<Case> cases = {
      {"index_select: id 3 is not in [0, 3)", [&] { return index_select(x, 0, id({1, 3})); }},
      {"index_select: id -1 is not in [0, 3)", [&] { return index_select(x, 0, id({-1})); }},
      {"index_select: id -4 is not in [-3, 3)", [&] { return x[id({-3, -4})]; }},
      {"index_select: id 9 is not in [0, 2)", [&] { return index_select(x, 1, cast(id({9, 1}), i32)); }},
      {"embedding: id 7 is not in [0, 3)", [&] { return embedding(x, id({1, 7, 0})); }},
      {"index_add: id 4 is not in [0, 3)", [&] { return index_add(x, 0, id({0, 4}), x[id({0, 1})]); }},
      {"index_add: id 30000 is not in [0, 3000)", [&] { return index_add(ones({3000, 1}, there_f32), 0, id(std::vector<int64_t>(500, 30000)), ones({500, 1}, there_f32)); }},
      {"gather: id 2 is not in [0, 2)", [&] { return gather(x, 1, column({0, 2, 1})); }},
      {"gather: id -1 is not in [0, 2)", [&] { return gather(x, 1, column({0, -1, 1})); }},
      {"gather: id -9223372036854775808 is not in [0, 2)", [&] { return gather(x, 1, column({0, INT64_MIN, 1})); }},
      {"one_hot: id 5 is not in [0, 5)", [&] { return one_hot(id({4, 5}), 5); }},
      {"one_hot: id -1 is not in [0, 5)", [&] { return one_hot(cast(id({-1}), i32), 5, bf16); }},
  };
  const std::function<void(const Tensor&)> waits[] = {[](const Tensor& y) { y.to_vector<double>(); }, [](const Tensor& y) { reshape(y, {-1})[0].item(); }, [](const Tensor&) { synchronize(cuda()); }};
  for (const Case& c : cases)
    for (const auto& wait : waits) {
      const Tensor y = c.f();  // nothing is thrown yet
      EXPECT_EQ(error_of([&] { wait(y); }), c.expected + end);
      EXPECT_EQ(error_of([&] { wait(y); }), "(nothing thrown)");  // told once
      EXPECT_EQ(sum(index_select(x, 0, id({0, 2}))).item(), 4);   // the device goes on
    }
  // What is good is done all the same; a bad id gives zeros, or adds nothing.
  const Tensor y = embedding(w, id({1, 7, 0}));
  EXPECT_EQ(error_of([] { synchronize(cuda()); }), cases[4].expected + end);
  EXPECT_EQ(y.to_vector<double>(), (std::vector<double>{1, 1, 0, 0, 1, 1}));
  y.backward(ones({3, 2}, there_f32));
  EXPECT_EQ(error_of([] { synchronize(cuda()); }), cases[4].expected + end);
  EXPECT_EQ(w.grad().to_vector<double>(), (std::vector<double>{1, 1, 1, 1, 0, 0}));
}
