#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

namespace {
struct Case {
  Shape x;
  int64_t out;
  Pair kernel;
  op::Conv2d options = {};
};
std::string name(const Case& c) {
  auto pair = [](Pair p) { return std::to_string(p.h) + "x" + std::to_string(p.w); };
  return "conv2d " + to_string(c.x) + " to " + std::to_string(c.out) + ", kernel " + pair(c.kernel) + ", stride " + pair(c.options.stride) + ", padding " +
         pair(c.options.padding) + ", dilation " + pair(c.options.dilation) + ", groups " + std::to_string(c.options.groups);
}
// From the definition, over logical indices: an image that is zero outside.
std::vector<double> naive(const Inputs& in, const op::Conv2d& o) {
  const Shape &x = in[0].shape(), &w = in[1].shape();
  const std::vector<double> vx = in[0].to_vector<double>(), vw = in[1].to_vector<double>();
  const std::vector<double> vb = in.size() > 2 ? in[2].to_vector<double>() : std::vector<double>(size_t(w[0]));
  auto pixel = [&](int64_t n, int64_t c, int64_t h, int64_t l) {
    return h < 0 || h >= x[2] || l < 0 || l >= x[3] ? 0.0 : vx[size_t(((n * x[1] + c) * x[2] + h) * x[3] + l)];
  };
  std::vector<double> y;
  for (int64_t n = 0; n < x[0]; ++n)
    for (int64_t out = 0; out < w[0]; ++out)
      for (int64_t h = -o.padding.h; h + o.dilation.h * (w[2] - 1) < x[2] + o.padding.h; h += o.stride.h)
        for (int64_t l = -o.padding.w; l + o.dilation.w * (w[3] - 1) < x[3] + o.padding.w; l += o.stride.w) {
          double sum = vb[size_t(out)];
          for (int64_t c = 0; c < w[1]; ++c)
            for (int64_t i = 0; i < w[2]; ++i)
              for (int64_t j = 0; j < w[3]; ++j)
                sum += vw[size_t(((out * w[1] + c) * w[2] + i) * w[3] + j)] *
                       pixel(n, out / (w[0] / o.groups) * w[1] + c, h + i * o.dilation.h, l + j * o.dilation.w);
          y.push_back(sum);
        }
  return y;
}
OpCase layer(const Case& c, bool bias = true) {
  const Shape w{c.out, c.x[1] / c.options.groups, c.kernel.h, c.kernel.w};
  OpCase result{name(c), {normal(c.x, 1), normal(w, 2)}, [o = c.options](auto& t) { return conv2d(t[0], t[1], t.size() > 2 ? t[2] : Tensor(), o); },
                [o = c.options](auto& t) { return naive(t, o); }};
  if (bias) result.inputs.push_back(normal({c.out}, 3));
  const int64_t pixels = c.x[0] * (c.x[2] + 2 * c.options.padding.h) * (c.x[3] + 2 * c.options.padding.w);  // at least as many as of y
  result.terms = std::max<int64_t>({1, pixels, w.count() / std::max<int64_t>(1, c.out), c.out * c.kernel.h * c.kernel.w});
  return result;
}
}  // namespace

TEST(Conv2d, Shapes) {
  const Case cases[] = {
      {{1, 1, 1, 1}, 1, 1}, {{2, 3, 5, 4}, 2, 3, {.padding = 1}}, {{1, 1, 6, 6}, 3, 5, {.padding = 2}}, {{2, 2, 5, 5}, 3, 2}, {{1, 3, 7, 5}, 4, 3, {.stride = 2}},
      {{2, 4, 3, 3}, 5, 1}, {{1, 4, 5, 3}, 2, 1, {.stride = 2}}, {{1, 4, 3, 3}, 3, 1, {.padding = 1}}, {{3, 2, 4, 4}, 3, 4}, {{1, 2, 3, 5}, 2, {3, 5}},
      {{1, 2, 6, 6}, 2, {1, 3}, {.padding = {0, 1}}}, {{1, 2, 6, 5}, 2, {4, 1}, {.stride = {1, 2}, .padding = {2, 0}}}, {{1, 2, 7, 7}, 2, 3, {.dilation = 2}},
      {{1, 2, 7, 8}, 3, 3, {.stride = {2, 1}, .padding = {2, 3}, .dilation = {2, 3}}}, {{2, 4, 4, 4}, 6, 3, {.padding = 1, .groups = 2}},
      {{1, 6, 4, 4}, 3, 2, {.groups = 3}}, {{2, 5, 4, 5}, 5, 3, {.padding = 1, .groups = 5}}, {{1, 3, 5, 5}, 6, 3, {.stride = 2, .padding = 1, .groups = 3}},
      {{1, 8, 4, 4}, 8, 3, {.padding = 1, .groups = 8}}, {{1, 4, 3, 3}, 4, 1, {.groups = 4}}, {{1, 2, 2, 2}, 2, 3, {.padding = 3}}, {{1, 1, 1, 1}, 2, 3, {.padding = 2}},
      {{2, 1, 1, 4}, 2, {1, 2}, {.stride = 3}}, {{1, 2, 3, 3}, 2, 2, {.stride = 4}}, {{1, 3, 1, 1}, 2, 1}, {{0, 2, 3, 3}, 2, 3}, {{1, 2, 3, 3}, 0, 2}, {{2, 0, 3, 3}, 2, 2},
      {{1, 1, 0, 2}, 1, 1, {.padding = 1}}};
  for (const Case& c : cases) check(layer(c));
  check(layer({{2, 3, 5, 4}, 2, 3, {.padding = 1}}, false));
  check(layer({{2, 4, 3, 3}, 5, 1}, false));
  check(layer({{2, 4, 4, 4}, 6, 3, {.padding = 1, .groups = 2}}, false));
}

TEST(Conv2d, LargerLayers) {  // the fast kernels over several blocks and threads, against float64
  const Case cases[] = {
      {{4, 1, 28, 28}, 6, 5, {.padding = 2}}, {{4, 6, 14, 14}, 16, 5}, {{3, 3, 16, 16}, 16, 3, {.padding = 1}}, {{2, 16, 16, 16}, 16, 3, {.padding = 1}},
      {{2, 20, 9, 11}, 28, 3, {.padding = 1}}, {{2, 16, 15, 15}, 32, 3, {.stride = 2, .padding = 1}}, {{2, 16, 9, 9}, 32, 1, {.stride = 2}}, {{3, 24, 7, 7}, 40, 1},
      {{1, 3, 32, 32}, 16, 7, {.stride = 2, .padding = 3}}, {{2, 32, 9, 9}, 32, 3, {.padding = 1, .groups = 32}}, {{2, 32, 9, 9}, 64, 3, {.padding = 1, .groups = 4}},
      {{2, 12, 9, 9}, 12, 5, {.stride = 2, .padding = 2, .groups = 12}}, {{2, 16, 13, 13}, 8, 3, {.padding = 2, .dilation = 2}}, {{5, 16, 5, 5}, 120, 5},
      {{11, 3, 9, 10}, 9, {3, 4}, {.stride = {2, 1}, .padding = {1, 2}, .dilation = {2, 1}}}, {{9, 6, 7, 9}, 17, 5, {.stride = {2, 3}, .padding = {3, 0}}},
      {{3, 2, 12, 19}, 5, {4, 3}, {.stride = {2, 1}, .padding = {3, 1}, .dilation = {2, 1}}}, {{1, 1, 30, 20}, 8, {3, 7}, {.stride = {3, 1}, .padding = {2, 6}}},
      {{1, 10, 9, 17}, 10, {3, 7}, {.stride = {2, 1}, .padding = {1, 3}, .groups = 2}}};
  for (const Case& c : cases) {
    const OpCase op = layer(c);
    check_values(op);
    check_dtype(op, f32);
    check_dtype(op, bf16);
    if (c.x[0] == 2) check_layouts(op);
  }
}

TEST(Conv2d, ResultsAreChannelsLastAndSteadyUseConvertsNothing) {
  const Tensor x = contiguous(cast(normal({2, 3, 6, 6}), f32), Layout::channels_last).set_requires_grad();
  const Tensor w = contiguous(cast(normal({4, 3, 3, 3}, 2), f32), Layout::channels_last).set_requires_grad();
  const int64_t before = layout_conversions();
  const Tensor y = conv2d(x, w, {}, {.padding = 1});
  EXPECT_TRUE(y.has_layout(Layout::channels_last));
  y.backward(empty_like(y));
  EXPECT_EQ(layout_conversions(), before);
  EXPECT_TRUE(x.grad().has_layout(Layout::channels_last));
  EXPECT_TRUE(w.grad().has_layout(Layout::channels_last));
}

TEST(Conv2d, AnImageWithoutBatch) {
  const Tensor x = normal({2, 5, 4}), w = normal({3, 2, 3, 3}, 2);
  const Tensor y = conv2d(x, w, {}, {.stride = 2});
  EXPECT_EQ(y.shape(), (Shape{3, 2, 1}));
  EXPECT_EQ(y.to_vector<double>(), conv2d(unsqueeze(x, 0), w, {}, {.stride = 2}).to_vector<double>());
}

TEST(Conv2d, ManyShapesAreKept) {  // more than the cache of primitives holds, and the first again
  const Tensor w = cast(normal({3, 2, 3, 3}, 2), f32);
  std::vector<double> first;
  for (int round = 0; round < 2; ++round)
    for (int h = 3; h < 140; ++h) for (int l : {3, 7}) {
      const std::vector<double> y = conv2d(cast(normal({1, 2, h, l}), f32), w).to_vector<double>();
      if (h == 3 && l == 3) { if (round == 0) first = y; else EXPECT_EQ(y, first); }
    }
}

TEST(Conv2d, Errors) {
  const Tensor x = zeros({16, 32, 28, 28});
  EXPECT_EQ(error_of([&] { conv2d(x, zeros({128, 64, 3, 3})); }),
            "conv2d: weight expects 64 input channels, x has 32\n  x:      f32[16, 32, 28, 28] on cpu\n  weight: f32[128, 64, 3, 3] on cpu");
  auto first_line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  auto error = [&](const Tensor& w, const Tensor& b, op::Conv2d o) { return first_line(error_of([&] { conv2d(x, w, b, o); })); };
  EXPECT_EQ(error(zeros({8, 32, 3, 3}), {}, {.groups = 2}), "conv2d: weight expects 64 input channels, x has 32");
  EXPECT_EQ(error(zeros({9, 16, 3, 3}), {}, {.groups = 2}), "conv2d: weight has 9 output channels, which 2 groups do not divide");
  EXPECT_EQ(error(zeros({8, 32, 3, 3}), zeros({9}), {}), "conv2d: bias must be [8] for the output channels of weight, it is [9]");
  EXPECT_EQ(error(zeros({8, 32, 29, 3}), {}, {}), "conv2d: the kernel of 29x3 is larger than the image of 28x28");
  EXPECT_EQ(error(zeros({8, 32, 17, 3}), {}, {.padding = 1, .dilation = 2}), "conv2d: the kernel of 33x5 (dilated) is larger than the padded image of 30x30");
  EXPECT_EQ(error(zeros({8, 32, 3, 3}), {}, {.stride = 0}), "conv2d: stride is 0x0; it must be at least 1");
  EXPECT_EQ(error(zeros({8, 32, 3, 3}), {}, {.padding = {1, -1}}), "conv2d: padding is 1x-1; it must be at least 0");
  EXPECT_EQ(error(zeros({8, 32, 3, 3}), {}, {.dilation = 0}), "conv2d: dilation is 0x0; it must be at least 1");
  EXPECT_EQ(error(zeros({8, 32, 3, 3}), {}, {.groups = 0}), "conv2d: groups is 0; it must be at least 1");
  EXPECT_EQ(error(zeros({8, 32, 0, 3}), {}, {}), "conv2d: the kernel is 0x3");
  EXPECT_EQ(error(zeros({8, 32, 9}), {}, {}), "conv2d: weight must be [out, in / groups, kh, kw], it has 3 dimensions");
  EXPECT_EQ(error(zeros({8, 32, 3, 3}, {i32}), {}, {}), "conv2d: needs a float dtype, not i32");
  EXPECT_EQ(first_line(error_of([&] { conv2d(zeros({3, 3}), zeros({1, 1, 1, 1})); })), "conv2d: x must be [n, c, h, w], it has 2 dimensions");
}
