#include "mica/cuda/conv2d.h"
#include "mica/core/implementation.h"
#include "mica/core/kernels.h"
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"
// Our kernels of conv2d, each by name, against float64 on the CPU. Through the op: conv2d_test.
#if MICA_HAS_CUDA
using namespace mica;
using namespace mica::testing;

namespace {
struct Case {
  Shape x;
  int64_t out;
  Pair kernel;
  op::Conv2d options = {};
};
const Case cases[] = {
    {{2, 8, 9, 7}, 16, 3, {.padding = 1}},                                            // whole vectors of channels
    {{2, 3, 9, 8}, 5, 3, {.stride = 2, .padding = 1}},                                // none
    {{1, 16, 8, 9}, 20, {3, 2}, {.stride = {2, 1}, .padding = {2, 1}, .dilation = {1, 2}}},
    {{2, 16, 7, 7}, 24, 3, {.stride = {3, 2}, .padding = 1, .dilation = {2, 3}, .groups = 2}},
    {{1, 12, 7, 8}, 6, 1, {.stride = 2}},                                             // pixels that nothing reads
    {{2, 4, 7, 7}, 4, 2, {.stride = 4, .padding = 1}},
    {{1, 8, 12, 13}, 136, 3, {.padding = 1}},                                         // several tiles of channels
    {{5, 4, 12, 12}, 12, {5, 3}, {.padding = {2, 1}}},                                // weight gradients that are divided
    {{2, 24, 6, 5}, 24, 3, {.padding = 1, .groups = 24}},                             // depthwise
    {{2, 9, 6, 5}, 18, 3, {.stride = 2, .padding = 1, .groups = 9}},
    {{1, 1, 2, 3}, 2, 3, {.padding = 3}},                                             // taps that see no pixel
};

struct Passes { std::vector<double> y, dx, dw; };
// In float64 on the CPU.
Passes reference(const Case& c, const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& dy, bool absolute) {
  auto wide = [&](const Tensor& t) { NoGrad no_grad; const Tensor v = cast(t, f64); return (absolute ? abs(v) : v).detach(); };
  const Tensor xs = wide(x).set_requires_grad(), ws = wide(w).set_requires_grad(), y = conv2d(xs, ws, wide(b), c.options);
  y.backward(wide(dy));
  return {y.to_vector<double>(), xs.grad().to_vector<double>(), ws.grad().to_vector<double>()};
}
void expect_within(const char* what, const std::vector<double>& got, const std::vector<double>& expected, const std::vector<double>& scale, int64_t terms, DType type) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::abs(got[i] - expected[i]), bound(expected[i], scale[i], terms, type)) << what << ", element " << i << ": " << got[i] << " for " << expected[i];
}
// All three passes, with weight gradients of the same type and of f32. direct: by those kernels, otherwise by products.
void check(const Case& c, DType type, bool direct, GemmKernel kernel = GemmKernel::automatic) {
  SCOPED_TRACE(to_string(c.x) + " to " + std::to_string(c.out) + " in " + name_of(type) + (direct ? ", direct" : ", kernel " + std::to_string(int(kernel))));
  const Shape w_shape{c.out, c.x[1] / c.options.groups, c.kernel.h, c.kernel.w};
  auto operand = [&](const Shape& shape, uint64_t seed) { return contiguous(cast(normal(shape, seed), type), Layout::channels_last); };
  const Tensor x = operand(c.x, 1), w = operand(w_shape, 2), bias = cast(normal({c.out}, 3), type == f64 ? f64 : f32);
  const Shape y_shape = conv2d(x, w, {}, c.options).shape();
  const Tensor dy = operand(y_shape, 4);
  auto there = [](const Tensor& t) { const Tensor v = to(t, cuda()); EXPECT_EQ(v.strides(), t.strides()); return v; };
  auto result = [&](const Shape& shape, DType t) { return there(contiguous(full(shape, NAN, {t}), Layout::channels_last)); };
  const Tensor tx = there(x), tw = there(w), tb = there(bias), tdy = there(dy), y = result(y_shape, type), dx = result(c.x, type), dw = result(w_shape, type);
  const DType wide = type == f64 ? f64 : f32;
  const Tensor wide_dw = result(w_shape, wide);
  const auto& o = c.options;
  const Conv2dSizes s{c.x[0], c.x[2], c.x[3], c.x[1], c.out, y_shape[2], y_shape[3], w_shape[2], w_shape[3], o.stride.h, o.stride.w, o.padding.h, o.padding.w,
                      o.dilation.h, o.dilation.w, o.groups};
  const Cuda on = std::get<Cuda>(context_of(y));
  if (direct) {
    conv2d_direct::forward(on, s, type, address(tx), address(tw), address(tb), wide, address(y));
    conv2d_direct::data_gradient(on, s, type, address(tdy), address(tw), address(dx));
    conv2d_direct::weight_gradient(on, s, type, address(tx), address(tdy), address(dw), type);
    conv2d_direct::weight_gradient(on, s, type, address(tx), address(tdy), address(wide_dw), wide);
  } else {
    conv2d_implicit::forward(on, s, type, address(tx), address(tw), address(tb), wide, address(y), kernel);
    conv2d_implicit::data_gradient(on, s, type, address(tdy), address(tw), address(dx), kernel);
    conv2d_implicit::weight_gradient(on, s, type, address(tx), address(tdy), address(dw), type, kernel);
    conv2d_implicit::weight_gradient(on, s, type, address(tx), address(tdy), address(wide_dw), wide, kernel);
  }
  const Passes expected = reference(c, x, w, bias, dy, false), scale = reference(c, x, w, bias, dy, true);
  const int64_t taps = c.kernel.h * c.kernel.w, pixels = y_shape[0] * y_shape[2] * y_shape[3];
  expect_within("y", y.to_vector<double>(), expected.y, scale.y, taps * w_shape[1] + 1, type);
  expect_within("dx", dx.to_vector<double>(), expected.dx, scale.dx, taps * c.out / o.groups, type);
  expect_within("dw", dw.to_vector<double>(), expected.dw, scale.dw, pixels, type);
  expect_within("dw", wide_dw.to_vector<double>(), expected.dw, scale.dw, pixels, wide);
}

class Conv2dCuda : public ::testing::Test {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
};
}  // namespace

TEST_F(Conv2dCuda, Direct) {
  for (const Case& c : cases) for (const DType type : {f64, f32, bf16, f16}) check(c, type, true);
}
TEST_F(Conv2dCuda, ProductsOnCudaCores) {
  for (const Case& c : cases) {
    check(c, f32, false, GemmKernel::small);
    check(c, f32, false, GemmKernel::large);
    check(c, bf16, false, GemmKernel::small);
  }
}
// cuDNN has the weight gradient of 16-bit operands in 16 bits. That of a float32 parameter is rounded so only where cuDNN is asked for by name.
TEST_F(Conv2dCuda, CudnnRoundsWeightGradientsOnlyByName) {
  const Case c{{2, 8, 9, 7}, 16, 3, {.padding = 1}};
  for (const DType type : {bf16, f16}) {
    SCOPED_TRACE(name_of(type));
    const auto operand = [&](const Shape& shape, uint64_t seed) { return contiguous(cast(normal(shape, seed), type), Layout::channels_last); };
    const Tensor x = operand(c.x, 1), w = operand({16, 8, 3, 3}, 2), dy = operand({2, 16, 9, 7}, 3), bias = zeros({16});
    const Passes expected = reference(c, x, w, bias, dy, false), scale = reference(c, x, w, bias, dy, true);
    const int64_t terms = 2 * 9 * 7;
    for (const std::string name : {"", "cudnn"}) {
      set_implementation("conv2d", name);
      const Tensor tx = to(x, cuda()), tw = to(cast(w, f32), cuda()).set_requires_grad();
      set_compute_type(tw, type);
      conv2d(tx, tw, {}, c.options).backward(to(dy, cuda()));
      const Tensor dw = tw.grad();
      set_implementation("conv2d", "");
      ASSERT_EQ(dw.dtype(), f32);
      const bool is_rounded = dw.to_vector<double>() == cast(dw, type).to_vector<double>();
      EXPECT_EQ(is_rounded, name == "cudnn");
      expect_within("dw", dw.to_vector<double>(), expected.dw, scale.dw, terms, is_rounded ? type : f32);
    }
  }
}
TEST_F(Conv2dCuda, ProductsOnTensorCores) {
  for (const Case& c : cases)
    for (const DType type : {bf16, f16}) for (const GemmKernel kernel : {GemmKernel::tensor_small, GemmKernel::tensor_large}) check(c, type, false, kernel);
}
// What a tile has behind the last tap or pixel is 0, and not some other element of the image: infinity times 0 would show.
TEST_F(Conv2dCuda, InfinitiesStayInTheirWindows) {
  for (const Case& c : {Case{{2, 3, 9, 8}, 5, 3, {.padding = 1}}, Case{{1, 5, 7, 9}, 9, {3, 2}, {.stride = {2, 1}, .padding = 1}}})
    for (const auto& [type, kernel] : {std::pair{f32, GemmKernel::small}, {f32, GemmKernel::large}, {bf16, GemmKernel::tensor_small}, {bf16, GemmKernel::tensor_large}})
      for (int64_t at = 0; at < c.x[2] + 1; ++at) {  // lines 0, 2, 4, ... in the first channel and in the last
        const int64_t h = at / 2 * 2, x_channel = at % 2 ? c.x[1] - 1 : 0, y_channel = at % 2 ? c.out - 1 : 0;
        SCOPED_TRACE(to_string(c.x) + " in " + name_of(type) + ", kernel " + std::to_string(int(kernel)) + ", line " + std::to_string(h) + ", channel " + std::to_string(x_channel));
        const Shape w_shape{c.out, c.x[1], c.kernel.h, c.kernel.w};
        Tensor x = cast(normal(c.x, 1), f32), dy = cast(normal(conv2d(x, zeros(w_shape), {}, c.options).shape(), 3), f32);
        const Shape y_shape = dy.shape();
        x.data_mut<float>()[x_channel * c.x[2] * c.x[3] + h * c.x[3] + (at % 2 ? c.x[3] - 1 : 0)] = INFINITY;  // of the first image
        dy.data_mut<float>()[y_channel * y_shape[2] * y_shape[3] + std::clamp(h, int64_t(1), y_shape[2] - 2) * y_shape[3] + 3] = INFINITY;  // no tap in the padding
        const auto operand = [&](const Tensor& t) { return contiguous(cast(t, type), Layout::channels_last); };
        const Tensor px = operand(x), pw = operand(abs(normal(w_shape, 2)) + 1), py = operand(dy), bias = zeros({c.out});
        const Passes expected = reference(c, px, pw, bias, py, false);
        const auto result = [&](const Shape& shape, DType t) { return to(contiguous(zeros(shape, {t}), Layout::channels_last), cuda()); };
        const Tensor tx = to(px, cuda()), tw = to(pw, cuda()), ty = to(py, cuda()), y = result(y_shape, type), dx = result(c.x, type), dw = result(w_shape, f32);
        const auto& o = c.options;
        const Conv2dSizes s{c.x[0], c.x[2], c.x[3], c.x[1], c.out, y_shape[2], y_shape[3], w_shape[2], w_shape[3], o.stride.h, o.stride.w, o.padding.h, o.padding.w,
                            o.dilation.h, o.dilation.w, o.groups};
        const Cuda on = std::get<Cuda>(context_of(y));
        conv2d_implicit::forward(on, s, type, address(tx), address(tw), nullptr, f32, address(y), kernel);
        conv2d_implicit::data_gradient(on, s, type, address(ty), address(tw), address(dx), kernel);
        conv2d_implicit::weight_gradient(on, s, type, address(tx), address(ty), address(dw), f32, kernel);
        const auto expect_finite_alike = [](const char* what, const Tensor& got, const std::vector<double>& wanted) {
          const std::vector<double> v = got.to_vector<double>();
          for (size_t i = 0; i < v.size(); ++i) ASSERT_EQ(std::isfinite(v[i]), std::isfinite(wanted[i])) << what << ", element " << i << " is " << v[i] << ", expected " << wanted[i];
        };
        expect_finite_alike("y", y, expected.y);
        expect_finite_alike("dx", dx, expected.dx);
        expect_finite_alike("dw", dw, expected.dw);
      }
}
#endif
