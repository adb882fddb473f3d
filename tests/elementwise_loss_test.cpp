#include <cmath>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
std::vector<double> reduced(std::vector<double> v, Reduction r) {
  if (r == Reduction::none) return v;
  long double s = 0;
  for (double x : v) s += x;
  return {double(r == Reduction::mean ? s / (long double)(v.size()) : s)};
}
BceOptions on_device(BceOptions o, Device device) {
  for (Tensor* t : {&o.weight, &o.pos_weight}) if (*t) *t = to(*t, device);
  return o;
}
const std::vector<Shape> shapes = [] {
  std::vector<Shape> some;
  for (const Shape& s : any_shapes()) if (s.count() > 0) some.push_back(s);  // EmptyThreadsAndDtypes has those of nothing
  some.insert(some.end(), {{33}, {7, 17}, {700}});
  return some;
}();
}  // namespace

TEST(Mse, Cases) {
  std::vector<OpCase> cases;
  for (const Shape& s : shapes)
    for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
      if (s.count() > 500 && r != Reduction::mean) continue;
      cases.push_back({"mse " + to_string(s) + " reduction " + std::to_string(int(r)), {normal(s, 1), normal(s, 2)}, [r](auto& x) { return mse(x[0], x[1], {.reduction = r}); },
                       [r](auto& x) {
                         std::vector<double> a = x[0].template to_vector<double>(), b = x[1].template to_vector<double>();
                         for (size_t i = 0; i < a.size(); ++i) a[i] = (a[i] - b[i]) * (a[i] - b[i]);
                         return reduced(a, r);
                       },
                       s.count() + 8, true});
      if (r == Reduction::none) cases.back().floats_only = true;  // squares of 16-bit differences, rounded twice
    }
  check_all(cases);
}

TEST(Mse, LayoutsThatDiffer) {
  for (Device device : devices()) {
    const Tensor x = to(cast(normal({2, 3, 4}, 1), f32), device).detach(), t = transpose(to(cast(normal({2, 4, 3}, 2), f32), device), 1, 2).detach();
    x.set_requires_grad();
    t.set_requires_grad();
    mse(x, t).backward();
    const std::vector<double> a = x.to_vector<double>(), b = t.to_vector<double>(), da = x.grad().to_vector<double>(), db = t.grad().to_vector<double>();
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_NEAR(da[i], 2 * (a[i] - b[i]) / 24, 1e-7);
      EXPECT_EQ(db[i], -da[i]);
    }
  }
}

TEST(BceWithLogits, Cases) {
  std::vector<OpCase> cases;
  for (const Shape& s : shapes)
    for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none})
      for (int k = 0; k < 3; ++k) {
        if (s.count() > 500 && (r != Reduction::mean || k)) continue;
        BceOptions o{.reduction = r};
        const int64_t last = s.rank() ? s[-1] : 1;
        if (k >= 1) o.pos_weight = s.rank() ? positive({last}, 3) : positive({}, 3);
        if (k == 2) o.weight = s.rank() > 1 ? positive(s, 4) : positive({}, 4);
        const Tensor target = cast(cast(uniform(s, 0, 1, {f64}), bf16), f64);
        auto oracle = [=](const Inputs& in) {
          std::vector<double> x = in[0].to_vector<double>(), t = target.to_vector<double>();
          const std::vector<double> w = o.weight ? (o.weight + zeros(s, {f64})).to_vector<double>() : std::vector<double>(x.size(), 1);
          const std::vector<double> p = o.pos_weight ? (o.pos_weight + zeros(s, {f64})).to_vector<double>() : std::vector<double>(x.size(), 1);
          for (size_t i = 0; i < x.size(); ++i) {
            const long double q = 1 / (1 + expl(-x[i]));
            x[i] = double(-w[i] * (p[i] * t[i] * logl(q) + (1 - t[i]) * log1pl(-q)));
          }
          return reduced(x, r);
        };
        cases.push_back({"bce_with_logits " + to_string(s) + " reduction " + std::to_string(int(r)) + " variant " + std::to_string(k), {normal(s)},
                         [=](auto& x) { return bce_with_logits(x[0], to(target, x[0].device()), on_device(o, x[0].device())); }, oracle, s.count() + 8, true});
        cases.back().least_scale = r == Reduction::mean ? 1.0 / double(std::max<int64_t>(1, s.count())) : 1.0;
      }
  check_all(cases);
}

TEST(BceWithLogits, ExtremeLogits) {
  for (Device device : devices()) for (DType t : {f64, f32}) {
    const Tensor x = tensor({500, -500, 500, -500, NAN, 0}, {t, device}).set_requires_grad(), target = to(from<uint8_t>({1, 0, 0, 1, 0, 1}), device);
    const Tensor y = bce_with_logits(x, target, {.reduction = Reduction::none});
    EXPECT_NEAR(y[0].item(), 0, 1e-200);
    EXPECT_NEAR(y[1].item(), 0, 1e-200);
    EXPECT_EQ(y[2].item(), 500);
    EXPECT_EQ(y[3].item(), 500);
    EXPECT_TRUE(std::isnan(y[4].item()));
    EXPECT_NEAR(y[5].item(), std::log(2.0), 1e-6);
    y.backward(ones({6}, {t, device}));
    const double slope[] = {0, 0, 1, -1};
    for (int i = 0; i < 4; ++i) EXPECT_NEAR(x.grad()[i].item(), slope[i], 1e-200);
    EXPECT_EQ(x.grad()[5].item(), -0.5);
  }
}

TEST(ElementwiseLoss, EmptyThreadsAndDtypes) {
  for (Device d : devices()) {
    const Tensor none = zeros({0, 3}, {f32, d}).set_requires_grad();
    EXPECT_TRUE(std::isnan(mse(none, zeros({0, 3}, {f32, d})).item()));
    EXPECT_EQ(mse(none, zeros({0, 3}, {f32, d}), {.reduction = Reduction::sum}).item(), 0);
    EXPECT_TRUE(std::isnan(bce_with_logits(none, zeros({0, 3}, {f32, d})).item()));
    (mse(none, none) + bce_with_logits(none, zeros({0, 3}, {f32, d}))).backward();
    EXPECT_EQ(none.grad().shape(), (Shape{0, 3}));
    EXPECT_EQ(mse(zeros({3}, {bf16, d}), zeros({3}, {f16, d})).dtype(), f32);
    EXPECT_EQ(mse(zeros({3}, {f64, d}), zeros({3}, {f32, d})).dtype(), f64);
  }
  const int before = threads();
  const Tensor x = randn({300000}), t = rand({300000});
  if (cuda_available()) {  // many blocks, two dtypes
    const Tensor there = to(x, cuda()), target = to(cast(t, bf16), cuda());
    EXPECT_NEAR(mse(there, target).item(), mse(x, cast(t, bf16)).item(), 1e-6);
    EXPECT_NEAR(bce_with_logits(there, target).item(), bce_with_logits(x, cast(t, bf16)).item(), 1e-6);
    EXPECT_EQ(mse(there, target).item(), mse(there, target).item());
  }
  set_threads(1);
  const double a = mse(x, t).item(), b = bce_with_logits(x, t).item();
  set_threads(2);
  EXPECT_EQ(a, mse(x, t).item());
  EXPECT_EQ(b, bce_with_logits(x, t).item());
  EXPECT_NEAR(a, mse(cast(x, f64), t).item(), 1e-6 * a);
  EXPECT_NEAR(b, bce_with_logits(cast(x, f64), t).item(), 1e-6 * b);
  set_threads(before);
}

TEST(ElementwiseLoss, SaysWhatIsWrong) {
  EXPECT_EQ(error_of([] { mse(zeros({3, 1}), zeros({3})); }),
            "mse: x and target must have one shape: broadcasting would compare what does not belong together\n  x:      f32[3, 1] on cpu\n  target: f32[3] on cpu");
  EXPECT_EQ(error_of([] { mse(zeros({3}), zeros({3}, {i64})); }), "mse: x and target must be float tensors\n  x:      f32[3] on cpu\n  target: i64[3] on cpu");
  EXPECT_EQ(error_of([] { bce_with_logits(zeros({3, 1}), zeros({3})); }),
            "bce_with_logits: target must have the shape of logits\n  logits: f32[3, 1] on cpu\n  target: f32[3] on cpu");
  EXPECT_EQ(error_of([] { bce_with_logits(zeros({3}), zeros({3}), {.pos_weight = zeros({2, 3})}); }),
            "bce_with_logits: pos_weight does not broadcast to the shape of logits\n  logits:     f32[3] on cpu\n  target:     f32[3] on cpu\n  pos_weight: f32[2, 3] on cpu");
}
