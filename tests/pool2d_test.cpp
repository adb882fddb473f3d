#include <cmath>
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
struct Case { Shape x; Pair window = 2, stride = 0, padding = 0, dilation = 1; bool ceil = false, count_padding = true; };
const std::vector<Case> cases = {
    {{1, 1, 2, 2}}, {{2, 6, 8, 8}}, {{2, 6, 7, 9}}, {{1, 1, 4, 6}}, {{2, 3, 6, 4}}, {{1, 16, 4, 4}}, {{1, 20, 4, 4}}, {{1, 8, 4, 4}}, {{1, 35, 3, 5}}, {{2, 5, 4, 5}},
    {{2, 4, 7, 7}, 3, 2, 1}, {{1, 16, 8, 8}, 3, 2, 1}, {{2, 2, 9, 6}, {3, 2}}, {{1, 17, 7, 7}, 3, 1, 1}, {{1, 3, 6, 6}, 3, 2}, {{1, 4, 6, 6}, 3, 2, 0, 1, true},
    {{1, 2, 5, 5}, 2, 2, 0, 1, true}, {{1, 2, 5, 5}, 2, 2, 1, 1, true}, {{1, 6, 9, 9}, 3, 3}, {{1, 6, 10, 11}, 3, 3}, {{1, 6, 8, 8}, 2, 3}, {{1, 5, 8, 7}, {1, 3}, {2, 1}, {0, 1}},
    {{1, 4, 9, 9}, 3, 1, 1, 2}, {{1, 4, 9, 8}, {2, 3}, {3, 2}, {1, 0}, {3, 2}}, {{3, 1, 5, 5}, 5}, {{1, 4, 4, 4}, 1}, {{1, 4, 4, 4}, 1, 2}, {{0, 3, 4, 4}}, {{2, 0, 4, 4}},
    {{1, 3, 6, 6}, 4, 2, 2, 1, true, false}, {{1, 4, 5, 5}, 3, 2, 1, 1, true, false}, {{1, 9, 5, 5}, 3, 2, 1, 1, true}, {{1, 1, 18, 17}, 17, 1}};

int64_t out_size(int64_t in, int k, int s, int p, int d, bool ceil) {
  int64_t n = 0;  // a window counts if it lies inside the padded image, or with ceil if it begins before the trailing padding
  for (int64_t start = -p;; start += s) {
    const bool inside = start + d * (k - 1) < in + p;
    if (!inside && !(ceil && start < in && n > 0 && start - s + d * (k - 1) < in + p)) return n;
    ++n;
  }
}
// Walks windows in logical (n, c, h, w) order: f(value) for every tap inside the image, or for the padded zeros if `zeros`; finish(count) gives y.
template <class Begin, class F, class Finish> std::vector<double> pool(const Tensor& x, const Case& o, Begin begin, F f, Finish finish) {
  const Pair s{o.stride.h ? o.stride.h : o.window.h, o.stride.w ? o.stride.w : o.window.w};
  const int64_t h = x.size(2), w = x.size(3), oh = out_size(h, o.window.h, s.h, o.padding.h, o.dilation.h, o.ceil), ow = out_size(w, o.window.w, s.w, o.padding.w, o.dilation.w, o.ceil);
  const std::vector<double> v = x.to_vector<double>();
  std::vector<double> y;
  for (int64_t plane = 0; plane < x.size(0) * x.size(1); ++plane)
    for (int64_t i = 0; i < oh; ++i)
      for (int64_t j = 0; j < ow; ++j) {
        begin();
        int64_t count = 0;
        for (int a = 0; a < o.window.h; ++a)
          for (int b = 0; b < o.window.w; ++b) {
            const int64_t r = i * s.h - o.padding.h + a * o.dilation.h, c = j * s.w - o.padding.w + b * o.dilation.w;
            if (r >= h + o.padding.h || c >= w + o.padding.w) continue;
            const bool inside = r >= 0 && r < h && c >= 0 && c < w;
            if (inside) f(v[size_t((plane * h + r) * w + c)]);
            if (inside || o.count_padding) ++count;
          }
        y.push_back(finish(count));
      }
  return y;
}
std::string name(const char* op, const Case& c) {
  return std::string(op) + " " + to_string(c.x) + " window " + std::to_string(c.window.h) + "x" + std::to_string(c.window.w) + " stride " + std::to_string(c.stride.h) + " padding " +
         std::to_string(c.padding.h) + " dilation " + std::to_string(c.dilation.h) + (c.ceil ? " ceil" : "");
}
// Adaptive windows, by the definition.
template <class F> std::vector<double> adaptive(const Tensor& x, Pair size, F f) {
  const int64_t h = x.size(2), w = x.size(3);
  const std::vector<double> v = x.to_vector<double>();
  std::vector<double> y;
  for (int64_t plane = 0; plane < x.size(0) * x.size(1); ++plane)
    for (int i = 0; i < size.h; ++i)
      for (int j = 0; j < size.w; ++j) {
        std::vector<double> window;
        for (int64_t r = int64_t(std::floor(double(i * h) / size.h)); r < int64_t(std::ceil(double((i + 1) * h) / size.h)); ++r)
          for (int64_t c = int64_t(std::floor(double(j * w) / size.w)); c < int64_t(std::ceil(double((j + 1) * w) / size.w)); ++c)
            window.push_back(v[size_t((plane * h + r) * w + c)]);
        y.push_back(f(window));
      }
  return y;
}
const std::vector<std::pair<Shape, Pair>> adaptive_cases = {{{1, 1, 1, 1}, 1}, {{2, 3, 5, 7}, {2, 3}}, {{1, 6, 8, 8}, 2}, {{1, 16, 7, 7}, 3}, {{1, 4, 3, 3}, 5}, {{2, 20, 4, 6}, {4, 3}}, {{1, 3, 17, 17}, 1}, {{0, 2, 3, 3}, 2},
                                                                {{1, 1, 2, 2}, 1}, {{1, 2, 1, 5}, {1, 2}}, {{2, 1, 6, 1}, {3, 1}}, {{1, 3, 4, 4}, 4}, {{1, 5, 6, 3}, {2, 1}}, {{3, 2, 2, 3}, {3, 2}},
                                                                {{1, 9, 5, 5}, {3, 2}}, {{2, 2, 7, 4}, {5, 3}}, {{1, 17, 3, 4}, 2}, {{1, 1, 11, 9}, {4, 5}}, {{2, 8, 2, 2}, 1}, {{1, 4, 6, 7}, 3}, {{2, 3, 1, 1}, 2}};
}  // namespace

TEST(MaxPool2d, ValuesAndGradients) {
  std::vector<OpCase> table;
  for (const Case& c : cases) {
    double best = 0;
    table.push_back({name("max_pool2d", c), {distinct(c.x)}, [=](auto& x) { return max_pool2d(x[0], {c.window, c.stride, c.padding, c.dilation, c.ceil}); },
                     [=](const Inputs& x) mutable {
                       return pool(x[0], c, [&] { best = -HUGE_VAL; }, [&](double v) { best = std::max(best, v); }, [&](int64_t) { return best; });
                     }, c.window.h * c.window.w, true});
  }
  check_all(table);
}
TEST(MaxPool2d, Adaptive) {
  std::vector<OpCase> table;
  for (const auto& [shape, size] : adaptive_cases)
    table.push_back({"adaptive_max_pool2d " + to_string(shape), {distinct(shape)}, [=](auto& x) { return adaptive_max_pool2d(x[0], size); },
                     [=](const Inputs& x) { return adaptive(x[0], size, [](auto& w) { return *std::max_element(w.begin(), w.end()); }); }, 16, true});
  check_all(table);
}
TEST(AvgPool2d, ValuesAndGradients) {
  std::vector<OpCase> table;
  for (const Case& c : cases) {
    if (c.dilation != Pair(1)) continue;
    double sum = 0;
    table.push_back({name("avg_pool2d", c), {normal(c.x)}, [=](auto& x) { return avg_pool2d(x[0], {c.window, c.stride, c.padding, c.ceil, c.count_padding}); },
                     [=](const Inputs& x) mutable { return pool(x[0], c, [&] { sum = 0; }, [&](double v) { sum += v; }, [&](int64_t n) { return sum / double(n); }); },
                     c.window.h * c.window.w});
  }
  check_all(table);
}
TEST(AvgPool2d, AdaptiveAndGlobal) {
  std::vector<OpCase> table;
  auto mean = [](auto& w) { double s = 0; for (double v : w) s += v; return s / double(w.size()); };
  for (const auto& [shape, size] : adaptive_cases) {
    table.push_back({"adaptive_avg_pool2d " + to_string(shape), {normal(shape)}, [=](auto& x) { return adaptive_avg_pool2d(x[0], size); },
                     [=](const Inputs& x) { return adaptive(x[0], size, mean); }, shape[2] * shape[3]});
    table.push_back({"global_avg_pool2d " + to_string(shape), {normal(shape)}, [=](auto& x) { return global_avg_pool2d(x[0]); },
                     [=](const Inputs& x) { return adaptive(x[0], 1, mean); }, shape[2] * shape[3]});
  }
  check_all(table);
  EXPECT_EQ(global_avg_pool2d(zeros({2, 3, 4, 5})).shape(), Shape({2, 3}));
  EXPECT_EQ(global_avg_pool2d(full({1, 2, 300, 300}, 2, {f16})).to_vector<double>(), (std::vector<double>{2, 2}));  // the sum is beyond f16
}
TEST(Pool2d, LayoutsAndConversions) {
  const Tensor x = contiguous(cast(distinct({2, 6, 8, 8}), f32), Layout::channels_last).set_requires_grad();
  const int64_t before = layout_conversions();
  Tensor y = max_pool2d(x), z = avg_pool2d(y, {.window = 3, .stride = 1, .padding = 1}), g = global_avg_pool2d(z);
  EXPECT_TRUE(y.has_layout(Layout::channels_last) && z.has_layout(Layout::channels_last));
  sum(g).backward();
  EXPECT_EQ(layout_conversions(), before + 1);  // the sum's gradient is one value, expanded
  EXPECT_TRUE(x.grad().has_layout(Layout::channels_last));
}
// More rows than one thread's share, more than one block of a GPU; the same as one thread's.
TEST(Pool2d, ManyRows) {
  for (Device device : devices()) for (const Shape& shape : {Shape{16, 6, 24, 24}, Shape{8, 64, 16, 16}, Shape{3, 5, 65, 66}}) {
    const Tensor x64 = normal(shape), x32 = cast(x64, f32);
    for (bool overlap : {false, true}) {
      const op::MaxPool2d o = overlap ? op::MaxPool2d{.window = 3, .stride = 2, .padding = 1} : op::MaxPool2d{};
      const Tensor a = cast(x32, f64).set_requires_grad(), b = to(x32, device).detach().set_requires_grad();
      const Tensor ya = max_pool2d(a, o), yb = max_pool2d(b, o), dy = cast(normal(ya.shape(), 3), f32);
      EXPECT_EQ(ya.to_vector<float>(), yb.to_vector<float>());
      ya.backward(cast(dy, f64));
      yb.backward(to(dy, device));
      const std::vector<double> ga = a.grad().to_vector<double>(), gb = b.grad().to_vector<double>();
      for (size_t i = 0; i < ga.size(); ++i) ASSERT_NEAR(ga[i], gb[i], 1e-5) << to_string(shape) << i;
    }
  }
}
TEST(MaxPool2d, TiesGoToTheFirst) {
  for (Device device : devices()) for (DType dtype : {f64, f32, bf16})
    for (int64_t c : {1, 5, 8, 19}) {
      const Tensor x = ones({1, c, 4, 4}, {dtype, device}).set_requires_grad();
      max_pool2d(x).backward(ones({1, c, 2, 2}, {dtype, device}));
      std::vector<double> expected;
      for (int64_t k = 0; k < c; ++k) for (int i = 0; i < 16; ++i) expected.push_back(i % 2 == 0 && i / 4 % 2 == 0);
      EXPECT_EQ(x.grad().to_vector<double>(), expected) << c << name_of(dtype);
    }
}
TEST(MaxPool2d, NanWins) {
  for (Device device : devices()) for (DType dtype : {f64, f32, f16})
    for (int64_t c : {1, 4, 8, 16, 21})
      for (int at = 0; at < 4; ++at) {
        const Tensor x = ones({1, c, 2, 2}, {f64});
        for (int64_t k = 0; k < c; ++k) x.data_mut<double>()[k * 4 + at] = NAN;
        for (double v : max_pool2d(to(cast(x, dtype), device)).to_vector<double>()) EXPECT_TRUE(std::isnan(v)) << c << ' ' << at << name_of(dtype);
      }
}
TEST(MaxPool2d, OfMinusInfinity) {
  for (Device device : devices()) {
    const Tensor x = full({1, 4, 2, 2}, -HUGE_VAL, {f32, device}).set_requires_grad(), y = max_pool2d(x);
    EXPECT_EQ(y.to_vector<double>(), std::vector<double>(4, -HUGE_VAL));
    y.backward(ones({1, 4, 1, 1}, {f32, device}));
    EXPECT_EQ(sum(x.grad()).item(), 4);
    const Tensor one = ones({1, 4, 1, 1}, {f32, device}).set_requires_grad(), none = max_pool2d(one, {.window = 2, .padding = 1, .dilation = 2});
    EXPECT_EQ(none.to_vector<double>(), std::vector<double>(4, -HUGE_VAL));  // no tap inside, as PyTorch
    none.backward(ones({1, 4, 1, 1}, {f32, device}));
    EXPECT_EQ(one.grad().to_vector<double>(), std::vector<double>(4, 0.0));
  }
}
TEST(MaxPool2d, NothingIsKeptForAGradientThatNobodyWants) {
  for (Device device : devices()) {
    const Tensor x = ones({1, 4, 64, 64}, {f32, device}).set_requires_grad();
    max_pool2d(x);
    auto held = [&] {
      const int64_t before = memory_stats(device).in_use;
      const Tensor y = max_pool2d(x);
      return memory_stats(device).in_use - before;
    };
    const int64_t with = held();
    NoGrad no_grad;
    EXPECT_GE(with - held(), 4 * 32 * 32);
  }
}
TEST(Pool2d, Errors) {
  const Tensor x = zeros({1, 2, 3, 5});
  EXPECT_EQ(error_of([&] { max_pool2d(x, {.window = 4}); }), "max_pool2d: a window of 4 x 4 does not fit into 3 x 5\n  x: f32[1, 2, 3, 5] on cpu");
  EXPECT_EQ(error_of([&] { max_pool2d(x, {.window = 3, .padding = 1, .dilation = 3}); }),
            "max_pool2d: a window of 3 x 3 at dilation 3 x 3 does not fit into 3 x 5 with padding 1 x 1\n  x: f32[1, 2, 3, 5] on cpu");
  EXPECT_EQ(error_of([&] { max_pool2d(x, {.padding = 2}); }), "max_pool2d: the padding is 2 x 2; it must be between 0 and half of the window 2 x 2\n  x: f32[1, 2, 3, 5] on cpu");
  EXPECT_EQ(error_of([&] { avg_pool2d(x, {.window = {3, 0}}); }), "avg_pool2d: the window is 3 x 0; it must be at least 1 x 1\n  x: f32[1, 2, 3, 5] on cpu");
  EXPECT_EQ(error_of([&] { avg_pool2d(x, {.stride = {-1, 1}}); }), "avg_pool2d: the stride is -1 x 1; it must be at least 1 x 1\n  x: f32[1, 2, 3, 5] on cpu");
  EXPECT_EQ(error_of([&] { max_pool2d(zeros({2, 3})); }), "max_pool2d: x must have 4 dimensions (n, c, h, w), it has 2\n  x: f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { max_pool2d(zeros({1, 1, 2, 2}, {i32})); }), "max_pool2d: x is i32; cast it to a float dtype\n  x: i32[1, 1, 2, 2] on cpu");
  EXPECT_EQ(error_of([&] { adaptive_avg_pool2d(x, 0); }), "adaptive_avg_pool2d: the size is 0 x 0; it must be at least 1 x 1\n  x: f32[1, 2, 3, 5] on cpu");
  EXPECT_EQ(error_of([&] { global_avg_pool2d(zeros({1, 2, 0, 3})); }), "global_avg_pool2d: x has no pixels\n  x: f32[1, 2, 0, 3] on cpu");
}
