#include <gtest/gtest.h>
#include <cmath>
#include <filesystem>
#include <random>
#include <thread>
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"
// Parameters in a 16-bit compute type: their shadows, and the precision of what is computed with them.
using namespace mica;
using namespace mica::testing;

namespace {
Tensor random(const Shape& shape, uint64_t seed, DType t = f32) { NoGrad no_grad; return cast(normal(shape, seed), t); }
Tensor parameter(const Shape& shape, uint64_t seed, DType compute, Layout layout = Layout::row_major, Device device = cpu) {
  Tensor w = to(contiguous(random(shape, seed), layout), device);
  w.set_requires_grad();
  set_compute_type(w, compute);
  return w;
}
// The bits of a 16-bit tensor in memory order, read without asking whether it is up to date.
std::vector<uint16_t> bits(const Tensor& anywhere) {
  const Tensor t = to(anywhere.detach(), cpu);
  const auto* p = static_cast<const uint16_t*>(t.dtype() == bf16 ? static_cast<const void*>(t.data<bfloat16>()) : t.data<float16>());
  return {p, p + t.size()};
}
std::vector<uint16_t> cast_bits(const Tensor& anywhere, DType t) {  // by the scalar conversions
  const Tensor w = to(anywhere.detach(), cpu);
  std::vector<uint16_t> r;
  for (int64_t i = 0; i < w.size(); ++i) r.push_back(t == bf16 ? bfloat16(w.data<float>()[i]).bits : float16(w.data<float>()[i]).bits);
  return r;
}
class Shadow : public ::testing::TestWithParam<DType> {};
INSTANTIATE_TEST_SUITE_P(Types, Shadow, ::testing::Values(bf16, f16), [](const auto& info) { return std::string(name_of(info.param)); });
struct Small {
  Conv2d conv{3, 5, 3, {.padding = 1}};
  BatchNorm2d norm{5};
  Linear fc{5, 4};
  Tensor operator()(const Tensor& x) const { return fc(global_avg_pool2d(norm(conv(x), {.relu = true}))); }
  void fields(Fields& f) { f.child("conv", conv); f.child("norm", norm); f.child("fc", fc); }
};
struct TemporaryFile {
  std::string path = std::filesystem::temp_directory_path() / ("mica_shadow_test_" + std::to_string(getpid()) + ".safetensors");
  ~TemporaryFile() { std::filesystem::remove(path); }
};
}  // namespace

TEST_P(Shadow, ParametersStayFloat32AndLayersComputeIn16Bits) {
  const DType t = GetParam();
  Small model;
  const std::vector<Tensor> before = parameters(model);
  const std::string hash_before = hash(state(model));
  to(model, t);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(parameters(model)[i].same(before[i]));
    EXPECT_EQ(before[i].dtype(), f32);
    EXPECT_EQ(compute_type(before[i]), t);
  }
  EXPECT_EQ(hash(state(model)), hash_before);
  const Tensor x = random({2, 3, 6, 6}, 1), y = model(x);
  EXPECT_EQ(model.conv(x).dtype(), t);
  EXPECT_EQ(model.norm(model.conv(x)).dtype(), t);
  EXPECT_EQ(y.dtype(), t);
  const Tensor loss = cross_entropy(y, tensor({0, 3}, {i64}));
  EXPECT_EQ(loss.dtype(), f32);
  loss.backward();
  for (const Tensor& w : parameters(model)) EXPECT_EQ(w.grad().dtype(), f32);
  EXPECT_TRUE(shadow_to_write(model.conv.weight));
  EXPECT_FALSE(shadow_to_write(model.norm.weight));  // nothing reads one
  EXPECT_FALSE(shadow_to_write(model.conv.bias));
  to(model, f32);
  EXPECT_EQ(model(x).dtype(), f32);
  EXPECT_FALSE(shadow_to_write(model.conv.weight));
  to(model, t);
  to(model, f64);
  EXPECT_EQ(model(cast(x, f64)).dtype(), f64);
  to(model, f32);  // does not bring an earlier compute type back
  EXPECT_EQ(model(x).dtype(), f32);
}

TEST_P(Shadow, IsMadeAgainAfterEveryWrite) {
  const DType t = GetParam();
  const Tensor w = parameter({4, 7}, 2, t), x = random({3, 7}, 3, t);
  NoGrad no_grad;
  auto check = [&](const char* after) {
    EXPECT_EQ(linear(x, w).to_vector<float>(), linear(x, cast(w, t)).to_vector<float>()) << after;
    EXPECT_EQ(bits(in_compute_type(w)), cast_bits(w, t)) << after;
  };
  check("making");
  const void* memory = in_compute_type(w).body().storage->data;
  fill(w, 0.3);
  check("fill");
  copy(random({4, 7}, 4), w);
  check("copy");
  copy(random({7}, 5), w[2]);
  check("a write through a view");
  w.data_mut<float>()[5] = 17;
  check("data_mut");
  EXPECT_EQ(in_compute_type(w).body().storage->data, memory);
  EXPECT_TRUE(in_compute_type(w).same(in_compute_type(w)));
}

TEST_P(Shadow, OptimizersRewriteItInTheSamePass) {
  const DType t = GetParam();
  for (Device device : devices()) for (const std::string& name : optimizer_names()) {
    constexpr Layout plain = Layout::row_major;
    std::vector<Tensor> w = {parameter({3, 5, 3, 3}, 6, t, Layout::channels_last, device), parameter({41, 77}, 7, t, plain, device), parameter({1}, 8, t, plain, device),
                             parameter({2, 3}, 9, t, plain, device), to(random({9}, 10), device)};
    w[4].set_requires_grad();
    const auto optimizer = make_optimizer(name, {{w}}, {.weight_decay = 1e-2});
    std::vector<Tensor> shadows;
    for (size_t i = 0; i < 3; ++i) shadows.push_back(in_compute_type(w[i]));  // w[3] has not been used: it has none yet
    for (int step = 0; step < 3; ++step) {
      for (const Tensor& v : w) v.set_grad(to(random(v.shape(), 11 + uint64_t(step)), device));
      optimizer->step(0.1);
      for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(bits(shadows[i]), cast_bits(w[i], t)) << name;
        EXPECT_TRUE(in_compute_type(w[i]).same(shadows[i])) << name;
      }
    }
    EXPECT_EQ(bits(in_compute_type(w[3])), cast_bits(w[3], t));
  }
}

TEST_P(Shadow, TiedAndClonedModels) {
  const DType t = GetParam();
  struct Tied {
    Linear a{6, 6, {.bias = false}}, b{6, 6, {.bias = false}};
    Tied() { b.weight = a.weight; }
    Tensor operator()(const Tensor& x) const { return b(a(x)); }
    void fields(Fields& f) { f.child("a", a); f.child("b", b); }
  } model;
  to(model, t);
  const Tensor x = random({5, 6}, 12);
  model(x);
  EXPECT_TRUE(model.a.weight.same(model.b.weight));
  EXPECT_TRUE(in_compute_type(model.a.weight).same(in_compute_type(model.b.weight)));
  Tied copy = clone(model);
  EXPECT_TRUE(copy.a.weight.same(copy.b.weight));
  EXPECT_EQ(compute_type(copy.a.weight), t);
  EXPECT_FALSE(in_compute_type(copy.a.weight).same(in_compute_type(model.a.weight)));
  EXPECT_EQ(copy(x).to_vector<float>(), model(x).to_vector<float>());
  EXPECT_TRUE(check_gradient(copy, x));  // in float64
  EXPECT_EQ(copy(x).dtype(), t);
  { NoGrad no_grad; fill(copy.a.weight, 0); }
  EXPECT_NE(copy(x).to_vector<float>(), model(x).to_vector<float>());
}

TEST_P(Shadow, SaveLoadAndAveragesAreFloat32) {
  const DType t = GetParam();
  TemporaryFile file;
  Small model, other;
  to(model, t);
  to(other, t);
  set_training(model, false);
  set_training(other, false);
  const Tensor x = random({2, 3, 6, 6}, 13);
  NoGrad no_grad;
  EXPECT_NE(other(x).to_vector<float>(), model(x).to_vector<float>());
  save(model, file.path);
  for (const auto& [name, tensor] : load_safetensors(file.path).tensors) EXPECT_NE(tensor.dtype(), t) << name;
  load(other, file.path);
  EXPECT_EQ(hash(state(other)), hash(state(model)));
  EXPECT_EQ(other(x).to_vector<float>(), model(x).to_vector<float>());
  Ema ema(parameters(other), 0.5);
  for (const Tensor& a : ema.averages()) EXPECT_EQ(a.dtype(), f32);
  for (const Tensor& w : parameters(other)) fill(w, 0);
  ema.update();  // a half of the weights there were
  ema.swap();
  EXPECT_EQ(bits(in_compute_type(other.fc.weight)), cast_bits(other.fc.weight, t));
  for (const Tensor& w : parameters(model)) copy(w * 0.5, w);
  EXPECT_EQ(other(x).to_vector<float>(), model(x).to_vector<float>());
  ema.swap();
  for (float v : other(x).to_vector<float>()) EXPECT_EQ(v, 0);
}

TEST_P(Shadow, ThreadsThatNeedItAtOnceShareOne) {
  const DType t = GetParam();
  for (int round = 0; round < 20; ++round) {
    const Tensor w = parameter({40, 30}, 40 + uint64_t(round), t), x = random({3, 30}, 41, t);
    std::vector<std::vector<float>> y(4);
    std::vector<const void*> memory(4);
    {
      std::vector<std::jthread> team;
      for (size_t i = 0; i < 4; ++i) team.emplace_back([&, i] {
        NoGrad no_grad;
        y[i] = linear(x, w).to_vector<float>();
        memory[i] = in_compute_type(w).body().storage->data;
      });
    }
    for (size_t i = 1; i < 4; ++i) {
      EXPECT_EQ(y[i], y[0]);
      EXPECT_EQ(memory[i], memory[0]);
    }
  }
}

TEST_P(Shadow, ErrorsSayWhatHappened) {
  const DType t = GetParam();
  const std::string name = name_of(t);
  const Tensor w = parameter({4, 7}, 14, t), x = random({3, 7}, 15);
  Tensor loss = sum(linear(x, w));
  { NoGrad no_grad; fill(w, 1); }
  EXPECT_EQ(error_of([&] { loss.backward(); }), "linear: backward needs weight as it was, but fill has written to it since\n  x:      " + name + "[3, 7] on cpu\n  weight: f32[4, 7] on cpu");
  loss = sum(linear(x, w));
  set_compute_type(w, f32);
  EXPECT_EQ(error_of([&] { loss.backward(); }), "linear: backward needs weight as it was, but to has written to it since\n  x:      " + name + "[3, 7] on cpu\n  weight: f32[4, 7] on cpu");
  EXPECT_EQ(error_of([&] { set_compute_type(zeros({2}, {f64}), t); }), "set_compute_type: " + name + " is no compute type of f64[2] on cpu; f32 tensors compute in f32, f16 or bf16");
  EXPECT_EQ(error_of([&] { set_compute_type(w, f64); }), "set_compute_type: f64 is no compute type of f32[4, 7] on cpu; f32 tensors compute in f32, f16 or bf16");
  EXPECT_EQ(error_of([&] { set_compute_type(zeros({2}, {i64}), t); }), "set_compute_type: " + name + " is no compute type of i64[2] on cpu; f32 tensors compute in f32, f16 or bf16");
}

namespace {
struct Results { std::vector<double> y, dx, dw; };
// f(x, w), and its gradients by x and w of sum(g y).
Results results(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Tensor& x, const Tensor& w, const Tensor& g) {
  const Tensor in = is_float(x.dtype()) ? x.detach().set_requires_grad() : x;
  w.zero_grad();
  const Tensor y = f(in, w);
  y.backward(cast(g, y.dtype()));
  Results r{y.to_vector<double>(), {}, w.grad().to_vector<double>()};
  if (is_float(x.dtype())) r.dx = in.grad().to_vector<double>();
  return r;
}
void expect_within(const char* what, const std::vector<double>& got, const std::vector<double>& expected, const std::vector<double>& scale, int64_t terms, DType t) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i)
    ASSERT_LE(std::abs(got[i] - expected[i]), bound(expected[i], scale[i], terms, t)) << what << ", element " << i << ": " << got[i] << " for " << expected[i];
}
// The op on a parameter with a shadow against float64 on the same rounded operands: y and dx are rounded once to t, dw has float32's precision.
void compare(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Tensor& x, const Tensor& w, int64_t y_terms, int64_t w_terms) {
  const DType t = compute_type(w);
  Tensor g, x64 = x, w64, g64, size_x = x, size_w, size_g;
  {
    NoGrad no_grad;
    g = random(f(x, w).shape(), 23, t);
    if (is_float(x.dtype())) { x64 = cast(x, f64); size_x = abs(x64); }
    w64 = cast(cast(w, t), f64);
    g64 = cast(g, f64);
    size_w = abs(w64);
    size_g = abs(g64);
  }
  w64.set_requires_grad();
  size_w.set_requires_grad();
  const Results got = results(f, x, w, g), expected = results(f, x64, w64, g64), scale = results(f, size_x, size_w, size_g);
  EXPECT_EQ(w.grad().dtype(), f32);
  expect_within("y", got.y, expected.y, scale.y, y_terms, t);
  expect_within("dx", got.dx, expected.dx, scale.dx, y_terms, t);
  expect_within("dw", got.dw, expected.dw, scale.dw, w_terms, f32);
}
}  // namespace

TEST_P(Shadow, LinearAgainstFloat64) {
  const DType t = GetParam();
  struct Case { Shape x; int64_t out; };
  for (const Case& c : {Case{{5, 3}, 4}, Case{{1, 7}, 1}, Case{{33, 129}, 65}, Case{{2, 3, 40}, 10}, Case{{1, 300}, 17}, Case{{300, 1}, 1}}) {
    SCOPED_TRACE(to_string(c.x));
    const int64_t in = c.x[c.x.rank() - 1], rows = c.x.count() / in;
    const Tensor bias = random({c.out}, 24);
    compare([&](const Tensor& x, const Tensor& w) { return linear(x, w, cast(bias, w.dtype())); }, random(c.x, 22, t), parameter({c.out, in}, 21, t), std::max(in, c.out) + 1, rows);
  }
  // Operands as they lie in other tensors.
  const Tensor wide = random({9, 40}, 25, t);
  compare([](const Tensor& x, const Tensor& w) { return linear(x, w); }, slice(wide, 1, 3, 20), parameter({6, 17}, 26, t), 17, 9);
  compare([](const Tensor& x, const Tensor& w) { return linear(x, w); }, transpose(wide, 0, 1), parameter({6, 9}, 27, t), 9, 40);
}

namespace {
struct ConvCase { Shape x, w; op::Conv2d options; };
void compare_conv2d(const ConvCase& c, DType t, Layout layout) {
  const Tensor bias = random({c.w[0]}, 24), x = random(c.x, 22, t);
  const auto f = [&](const Tensor& x, const Tensor& w) { return conv2d(x, w, cast(bias, w.dtype()), c.options); };
  const int64_t taps = c.w.count() / c.w[0], pixels = f(x, parameter(c.w, 1, t)).size() / c.w[0];
  compare(f, x, parameter(c.w, 21, t, layout), std::max(taps, c.w[0] * c.w[2] * c.w[3]) + 1, pixels);
}
}  // namespace

// Libraries' kernels have been wrong for single shapes only: of one row in a hundred, of one block of pixels.
TEST_P(Shadow, Conv2dOfManyShapes) {
  std::mt19937 numbers(3);
  auto below = [&](int64_t n) { return int64_t(numbers() % uint64_t(n)); };
  auto channels = [&] { const int64_t c = 1 + below(below(2) ? 8 : 40); return below(2) ? (c + 15) / 16 * 16 : c; };
  for (int i = 0; i < 250; ++i) {
    const int64_t kh = 1 + below(3), kw = below(3) ? kh : 1 + below(3), d = 1 + below(4) / 3, c = channels();
    const int stride = int(1 + below(5) / 2), padding = int(below(3));
    const ConvCase each{{1 + below(2), c, d * (kh - 1) + 1 + below(12), d * (kw - 1) + 1 + below(12)}, {channels(), c, kh, kw}, {.stride = stride, .padding = padding, .dilation = int(d)}};
    SCOPED_TRACE(to_string(each.x) + " " + to_string(each.w) + " stride " + std::to_string(stride) + " padding " + std::to_string(padding) + " dilation " + std::to_string(d));
    compare_conv2d(each, GetParam(), Layout::channels_last);
    if (HasFailure()) return;
  }
}

TEST_P(Shadow, Conv2dAgainstFloat64) {
  const DType t = GetParam();
  for (const ConvCase& c : {ConvCase{{2, 3, 9, 7}, {5, 3, 3, 3}, {.padding = 1}}, ConvCase{{2, 16, 8, 8}, {32, 16, 3, 3}, {.stride = 2, .padding = 1}}, ConvCase{{1, 1, 5, 5}, {1, 1, 1, 1}, {}},
                        ConvCase{{3, 17, 6, 5}, {33, 17, 1, 1}, {}}, ConvCase{{2, 32, 7, 7}, {16, 32, 1, 1}, {.stride = 2}}, ConvCase{{1, 17, 12, 9}, {5, 17, 1, 1}, {.stride = 2}}, ConvCase{{4, 6, 3, 3}, {10, 6, 3, 3}, {}}, ConvCase{{1, 4, 11, 11}, {6, 4, 3, 2}, {.padding = {2, 1}, .dilation = 2}},
                        ConvCase{{2, 8, 6, 6}, {8, 2, 3, 3}, {.padding = 1, .groups = 4}}, ConvCase{{2, 6, 6, 6}, {6, 1, 3, 3}, {.padding = 1, .groups = 6}}, ConvCase{{1, 64, 5, 5}, {64, 64, 3, 3}, {.padding = 1}}}) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    compare_conv2d(c, t, Layout::channels_last);
    compare_conv2d(c, t, Layout::row_major);  // weights are converted on entry, and so is their shadow
  }
}

TEST_P(Shadow, EmbeddingAgainstFloat64) {
  const DType t = GetParam();
  compare([](const Tensor& x, const Tensor& w) { return embedding(w, x); }, ids({70}, 9, 28), parameter({9, 5}, 29, t), 1, 70);
  EXPECT_EQ(embedding(parameter({9, 5}, 29, t), ids({3}, 9)).dtype(), t);
}

// 60 steps over the same 60 noisy images of four colours. Each rounding to 16 bits moves a value by at most half a unit in the last
// place, 2^-9 of it in bf16 and 2^-12 in f16; some ten lie between images and loss and as many in the gradients, so that the losses stay within
// some percent in bf16, and an eighth of that in f16.
TEST_P(Shadow, ATrainingReachesTheLossOfFloat32) {
  const DType t = GetParam();
  seed(5);
  Small plain;
  Small half = clone(plain);
  to(half, t);
  const Tensor labels = ids({60}, 4, 31), x = random({60, 3, 6, 6}, 30) + index_select(random({4, 3, 1, 1}, 32), 0, labels) * 0.3;
  auto train = [&](Small& model, bool scaled) {
    Sgd sgd(parameters(model), {.momentum = 0.9});
    LossScale scale;
    double last = 0;
    for (int step = 0; step < 60; ++step) {
      const Tensor loss = cross_entropy(model(x), labels);
      last = loss.item();
      if (scaled) { scale(loss).backward(); scale.step(sgd, 0.1); }
      else { loss.backward(); sgd.step(0.1); }
      sgd.zero_grad();
    }
    return last;
  };
  const double first = cross_entropy(plain(x), labels).item(), expected = train(plain, false), got = train(half, t == f16);
  EXPECT_LT(expected, 0.8 * first);
  EXPECT_NEAR(got, expected, (t == bf16 ? 0.03 : 0.004) * expected);
}
