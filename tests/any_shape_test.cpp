#include <cmath>
#include "mica/mica.h"
#include "op_case.h"
// Ops that take any shape and have few of their own in their tables: gradients, dtypes and layouts at all of any_shapes().

using namespace mica;
using namespace mica::testing;

namespace {
// The first dimension that is not empty.
int filled(const Shape& s) {
  for (int i = 0; i < s.rank(); ++i) if (s[i] > 0) return i;
  return -1;
}
using Make = std::function<Tensor(const Tensor&)>;
OpCase at(const char* name, const Shape& s, const Make& f) { return {name + to_string(s), {distinct(s)}, [f](const Inputs& x) { return f(x[0]); }}; }
}  // namespace

TEST(AnyShape, Views) {
  std::vector<OpCase> cases;
  for (const Shape& s : any_shapes()) {
    Shape reversed;
    for (int i = s.rank(); i-- > 0;) reversed.push_back(i);
    cases.push_back(at("permute", s, [=](const Tensor& x) { return permute(x, reversed); }));
    cases.push_back(at("reshape", s, [=](const Tensor& x) { return reshape(x, {1, s.count(), 1}); }));
    if (s.rank() < Shape::max_rank) {
      cases.push_back(at("unsqueeze", s, [=](const Tensor& x) { return unsqueeze(x, s.rank() / 2); }));
      Shape twice = s;
      twice.insert(0, 2);
      cases.push_back(at("expand", s, [=](const Tensor& x) { return expand(x, twice); }));
      cases.back().terms = 2;
    }
    if (s.rank() > 0) cases.push_back(at("slice", s, [=](const Tensor& x) { return slice(x, s.rank() - 1, 1, to_end, 2); }));
    if (const int dim = filled(s); dim >= 0) cases.push_back(at("select", s, [=](const Tensor& x) { return select(x, dim, -1); }));
  }
  check_all(cases);
}

TEST(AnyShape, Order) {
  std::vector<OpCase> cases;
  for (const Shape& s : any_shapes()) {
    if (s.rank() == 0) continue;
    const int last = s.rank() - 1, dim = filled(s);
    const int64_t half = s[last] / 2, n = dim < 0 ? 0 : s[dim];
    Shape part = s;
    part[last] = half;
    std::vector<int64_t> ends(size_t(2 * s.rank()), 1);
    ends[0] = 2;
    cases.push_back(at("flip", s, [=](const Tensor& x) { return flip(x, last > 0 ? Shape{0, last} : Shape{0}); }));
    cases.push_back(at("pad", s, [=](const Tensor& x) { return pad(x, ends, 0.5); }));
    cases.push_back({"slice_update" + to_string(s), {normal(s), normal(part, 2)}, [=](auto& x) { return slice_update(x[0], x[1], last, s[last] - half); }});
    cases.push_back(at("sort", s, [=](const Tensor& x) { return sort(x, {.dim = last, .descending = true}).values; }));
    cases.back().floats_only = true;  // equal in 16 bits: which of two gets the gradient
    if (n > 0) {
      cases.push_back(at("topk", s, [=](const Tensor& x) { return topk(x, (n + 1) / 2, dim).values; }));
      cases.back().floats_only = true;
    }
    cases.push_back(at("cumsum", s, [=](const Tensor& x) { return cumsum(x, last); }));
    cases.back().terms = std::max<int64_t>(1, s[last]);
    cases.back().scale_by_largest = true;
  }
  check_all(cases);
}

TEST(AnyShape, StepsAndCast) {
  std::vector<OpCase> cases;
  for (const Shape& s : any_shapes()) {
    const Tensor between = floor(normal(s) * 3) + 0.3;  // away from the steps, in every dtype
    for (const auto& [name, f] : {std::pair<const char*, Tensor (*)(const Tensor&)>{"floor", mica::floor}, {"ceil", mica::ceil}, {"round", mica::round}})
      cases.push_back({name + to_string(s), {between}, [f = f](auto& x) { return f(x[0]); }});
    cases.push_back({"cast" + to_string(s), {floor(normal(s) * 64) / 16}, [](auto& x) { return cast(x[0], f32) * 1; }});
    cases.back().step = 0.0625;  // a float32 holds the value and its neighbours
  }
  check_all(cases);
}
