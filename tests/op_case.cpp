#include "op_case.h"
#include <cmath>
#include <numeric>
#include "mica/core/kernels.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/view.h"
#include "mica/core/philox.h"
#include "op_shapes.h"

namespace mica::testing {
namespace {
bool has_gradient(const OpCase& c, size_t i) {
  return is_float(c.inputs[i].dtype()) && std::find(c.fixed.begin(), c.fixed.end(), int(i)) == c.fixed.end();
}

struct Result {
  std::vector<double> y;
  Shape shape;
  std::vector<std::vector<double>> dx;  // of the inputs that have gradients, in order
};
// The op on inputs of `dtype`, and the gradients of sum(w y), w rounded to `w_dtype`; absolute values of both in the run that measures scale.
Result run(const OpCase& c, const Inputs& inputs, DType dtype, DType w_dtype, bool absolute = false, Device device = cpu) {
  Inputs x;
  for (size_t i = 0; i < inputs.size(); ++i) {
    Tensor t = inputs[i];
    if (is_float(t.dtype())) {
      NoGrad no_grad;
      t = cast(absolute ? abs(t) : t, dtype);
      if (t.same(inputs[i])) t = t.detach();
    }
    t = to(t.detach(), device);
    if (c.differentiable && has_gradient(c, i)) t.set_requires_grad();
    x.push_back(t);
  }
  const Tensor y = c.op(x);
  Result r{y.to_vector<double>(), y.shape(), {}};
  if (!c.differentiable) return r;
  const Tensor w = cast(normal(y.shape(), 99), w_dtype);
  y.backward(to(cast(absolute ? abs(w) : w, y.dtype()), device));
  for (size_t i = 0; i < x.size(); ++i) if (has_gradient(c, i)) {
    const Tensor g = x[i].grad();
    if (g) { EXPECT_EQ(g.shape(), x[i].shape()) << c.name; }
    r.dx.push_back(g ? g.to_vector<double>() : std::vector<double>(size_t(x[i].size()), 0.0));
  }
  return r;
}

void compare(const std::string& what, const std::vector<double>& got, const std::vector<double>& expected, const std::vector<double>& scale, const OpCase& c, DType dtype) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  double largest = 0;
  if (c.scale_by_largest) for (double v : expected) largest = std::max(largest, std::abs(v));
  double worst = 0;
  size_t at = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(expected[i]) && std::isnan(got[i])) continue;
    if (std::isinf(expected[i]) && got[i] == expected[i]) continue;
    const double s = std::max(c.least_scale, c.scale_by_largest ? largest : std::max(std::abs(scale[i]), std::abs(expected[i])));
    const double ratio = std::abs(got[i] - expected[i]) / bound(expected[i], s, c.terms, dtype);
    if (!(ratio <= worst)) { worst = ratio; at = i; }
  }
  EXPECT_LE(worst, 1) << what << ": element " << at << " is " << got[at] << ", expected " << expected[at] << " in " << name_of(dtype);
}
}  // namespace

double bound(double y64, double scale, int64_t terms, DType dtype) {
  const double eps = dtype == f64 ? 0x1p-52 : 0x1p-23;  // 16-bit types accumulate in float
  const double unit = dtype == f64 ? 0x1p-52 : dtype == f32 ? 0x1p-23 : dtype == f16 ? 0x1p-10 : 0x1p-7;
  const double smallest = dtype == f16 ? 0x1p-24 : dtype == bf16 ? 0x1p-133 : dtype == f32 ? 0x1p-126 : 0x1p-1022;
  const double ulp = y64 == 0 ? 0 : std::exp2(std::floor(std::log2(std::abs(y64)))) * unit;
  return 4 * eps * std::sqrt(double(terms)) * std::abs(scale) + std::max(ulp, smallest);
}

void check_values(const OpCase& c) {
  if (!c.oracle) return;
  NoGrad no_grad;
  const std::vector<double> expected = c.oracle(c.inputs);
  Inputs magnitude;
  for (const Tensor& x : c.inputs) magnitude.push_back(is_float(x.dtype()) ? abs(x) : x);
  compare(c.name + ": values", c.op(c.inputs).to_vector<double>(), expected, c.scale_by_largest ? expected : c.op(magnitude).to_vector<double>(), c, f64);
}

void check_gradients(const OpCase& c) {
  const Result analytic = [&] { ShapeCounter counter; return run(c, c.inputs, f64, f64); }();
  if (only_counting()) return;
  NoGrad no_grad;
  const std::vector<double> w = normal(analytic.shape, 99).to_vector<double>();
  size_t k = 0;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    if (!has_gradient(c, i)) continue;
    const std::vector<double>& dx = analytic.dx[k++];
    Inputs x = c.inputs;
    const Tensor moved = contiguous(clone(c.inputs[i]));
    x[i] = moved;
    auto value = [&] {
      const std::vector<double> y = c.op(x).to_vector<double>();
      return std::inner_product(y.begin(), y.end(), w.begin(), 0.0);
    };
    double worst = 0;
    size_t at = 0;
    double numeric_at = 0;
    for (size_t j = 0; j < dx.size(); ++j) {
      const double keep = moved.data<double>()[j];
      moved.data_mut<double>()[j] = keep + c.step;
      const double up = value();
      moved.data_mut<double>()[j] = keep - c.step;
      const double down = value();
      moved.data_mut<double>()[j] = keep;
      const double numeric = (up - down) / (2 * c.step), error = std::abs(numeric - dx[j]) / (1 + std::abs(numeric));
      if (!(error <= worst)) { worst = error; at = j; numeric_at = numeric; }
    }
    EXPECT_LE(worst, c.gradient_tolerance) << c.name << ": gradient of input " << i << ", element " << at << ": backward " << (dx.empty() ? 0 : dx[at])
                                           << ", differences " << numeric_at;
  }
}

void check_dtype(const OpCase& c, DType dtype, Device device) {
  Inputs rounded;  // f64 values that the dtype holds exactly
  for (const Tensor& x : c.inputs) { NoGrad no_grad; rounded.push_back(is_float(x.dtype()) ? cast(cast(x, dtype), f64) : x); }
  const Result expected = run(c, rounded, f64, dtype), got = run(c, rounded, dtype, dtype, false, device);
  const Result scale = c.scale_by_largest ? expected : run(c, rounded, f64, dtype, true);
  const std::string name = device == cpu ? c.name : c.name + " on " + to_string(device);
  compare(name + ": values", got.y, expected.y, scale.y, c, dtype);
  for (size_t i = 0; i < got.dx.size(); ++i)
    compare(name + ": gradient " + std::to_string(i), got.dx[i], expected.dx[i], scale.dx[i], c, dtype);
}

void check_layouts(const OpCase& c, Device device) {
  using Change = std::function<Tensor(const Tensor&)>;
  const Change changes[] = {
      [](const Tensor& x) {  // dimensions in reverse order in memory
        Shape order;
        for (int i = x.rank(); i-- > 0;) order.push_back(i);
        return permute(contiguous(permute(x, order)), order);
      },
      [](const Tensor& x) { return contiguous(x, Layout::channels_last); },
      [](const Tensor& x) {  // every second entry of a larger tensor
        if (x.rank() == 0) return x;
        Shape shape = x.shape();
        shape[-1] = 2 * shape[-1] + 1;
        Tensor large = full(shape, NAN, {x.dtype(), x.device()}), part = slice(large, -1, 1, to_end, 2);
        copy(x, part);
        return part;
      }};
  for (DType dtype : {f64, f32}) {
    Inputs plain;
    for (const Tensor& x : c.inputs) { NoGrad no_grad; plain.push_back(is_float(x.dtype()) ? cast(cast(x, f32), f64) : x); }
    const Result expected = run(c, plain, f64, f32), scale = c.scale_by_largest ? expected : run(c, plain, f64, f32, true);
    for (size_t change = 0; change < std::size(changes); ++change) {
      Inputs x;
      for (const Tensor& t : plain) {
        NoGrad no_grad;
        Tensor moved = is_float(t.dtype()) ? changes[change](to(cast(t, dtype), device)) : t;
        x.push_back(moved.same(t) ? clone(t) : moved);
      }
      const Result got = run(c, x, dtype, f32, false, device);
      const std::string what = c.name + (device == cpu ? "" : " on " + to_string(device)) + ": layout " + std::to_string(change);
      compare(what, got.y, expected.y, scale.y, c, dtype);
      for (size_t i = 0; i < got.dx.size(); ++i) compare(what + ", gradient " + std::to_string(i), got.dx[i], expected.dx[i], scale.dx[i], c, dtype);
    }
  }
}

void check_cuda(const OpCase& c) {
  for (DType dtype : {f64, f32, bf16, f16}) if (!c.floats_only || !is_half(dtype)) check_dtype(c, dtype, cuda());
  check_layouts(c, cuda());
}

void check(const OpCase& c) {
  SCOPED_TRACE(c.name);
  try {
    if (only_counting()) { if (c.differentiable) check_gradients(c); return; }
    if (devices().back() != cpu) check_cuda(c);
    if (devices().front() != cpu) return;
    check_values(c);
    if (c.differentiable) check_gradients(c);
    check_dtype(c, f32);
    if (!c.floats_only) { check_dtype(c, bf16); check_dtype(c, f16); }
    check_layouts(c);
  } catch (const std::exception& e) {
    ADD_FAILURE() << c.name << ": " << e.what();
  }
}
void check_all(const std::vector<OpCase>& cases) {
  for (const OpCase& c : cases) check(c);
}

namespace {
template <class F> Tensor made(const Shape& shape, uint64_t seed, F f) {
  std::vector<double> v(static_cast<size_t>(shape.count()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = f(i, philox(seed, 7, i));
  return from(v, shape);
}
}  // namespace
Tensor normal(const Shape& shape, uint64_t seed) {
  return made(shape, seed, [](size_t, Philox p) { return std::sqrt(-2 * std::log((p.word[0] + 1.0) * 0x1p-32)) * std::cos(6.283185307179586 * 0x1p-32 * p.word[1]); });
}
Tensor positive(const Shape& shape, uint64_t seed) {
  return made(shape, seed, [](size_t, Philox p) { return 0.1 + 2 * 0x1p-32 * p.word[0]; });
}
Tensor distinct(const Shape& shape, uint64_t seed, double gap) {
  const size_t n = size_t(shape.count());
  std::vector<size_t> order(n);
  std::iota(order.begin(), order.end(), size_t(0));
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[philox(seed, 8, i).word[0] % i]);
  return made(shape, seed, [&](size_t i, Philox p) {
    const double place = double(order[i]) - double(n / 2), jitter = 0.5 * 0x1p-32 * p.word[0];
    return (place < 0 ? place - 1 + jitter : place + 1 - jitter) * std::max(2 * gap, 2.0 / double(n + 1));
  });
}
Tensor ids(const Shape& shape, int64_t below, uint64_t seed) {
  std::vector<int64_t> v(static_cast<size_t>(shape.count()));
  for (size_t i = 0; i < v.size(); ++i) v[i] = int64_t(philox(seed, 9, i).word[0]) % below;
  return from(v, shape);
}
const std::vector<Shape>& any_shapes() {
  static const std::vector<Shape> shapes = {{}, {1}, {0}, {2}, {7}, {17}, {37}, {1, 1}, {3, 5}, {5, 1}, {1, 6}, {0, 3}, {2, 0}, {2, 3, 4}, {3, 1, 5}, {3, 5, 7},
                                            {1, 1, 9}, {2, 3, 4, 5}, {1, 3, 2, 2}, {2, 1, 3, 1}, {2, 1, 2, 3, 2}, {2, 2, 1, 2, 1, 3}};
  return shapes;
}
Tensor values(const Shape& shape, const std::vector<double>& v) { return from(v, shape); }

std::string no_gpu(int index) {
  if (!MICA_HAS_CUDA) return "this build has no CUDA";
  return "device cuda:" + std::to_string(index) + ": this machine has " + (cuda_available() ? "1 GPU" : "no GPU, or no driver for it");
}
const std::vector<Device>& devices() {
  static const std::vector<Device> all = [] {
    const char* chosen = std::getenv("MICA_TEST_DEVICES");
    const bool only_cuda = (chosen && std::string(chosen) == "cuda") || std::getenv("MICA_TEST_CUDA_ONLY"), only_cpu = !cuda_available() || (chosen && std::string(chosen) == "cpu");
    return only_cpu ? std::vector{cpu} : only_cuda ? std::vector{cuda()} : std::vector{cpu, cuda()};
  }();
  return all;
}
std::string error_of(const std::function<void()>& f) {
  try { f(); } catch (const Error& e) { return e.what(); }
  return "(nothing thrown)";
}

}  // namespace mica::testing
