#include "mica/core/implementation.h"
#include <algorithm>
#include <cmath>
#include "mica/core/ops/contiguous.h"
#include "mica/mica.h"
#include "op_case.h"
// Choices between implementations as text, and TF32.
using namespace mica;
using namespace mica::testing;

#if MICA_HAS_CUDA
namespace {
// Choices as a process begins with them, before a test and after it.
class Implementation : public ::testing::Test {
  void SetUp() override { if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build"; }
  void TearDown() override {
    set_tf32(false);
    for (const char* op : {"linear", "matmul", "conv2d"}) set_implementation(op, "");
    load_choices("");
  }
};

struct Passes { std::vector<double> y, dx, dw; };
Passes run(const std::function<Tensor(const Tensor&, const Tensor&)>& f, const Shape& x_shape, const Shape& w_shape, DType t, Device device, double x_value, double dy_value) {
  const auto all = [&](const Shape& s, double v) { return to(contiguous(full(s, v, {t}), s.rank() == 4 ? Layout::channels_last : Layout::row_major), device); };
  const Tensor x = all(x_shape, x_value).set_requires_grad(), w = all(w_shape, 1).set_requires_grad(), y = f(x, w);
  y.backward(full(y.shape(), dy_value, {t, device}));
  return {y.to_vector<double>(), x.grad().to_vector<double>(), w.grad().to_vector<double>()};
}
}  // namespace

// A number that TF32 rounds to 1, in operands whose exact results are float32 numbers.
TEST_F(Implementation, Tf32OnlyWhereItIsAllowed) {
  struct Case { const char *op, *library; Shape x, w; std::function<Tensor(const Tensor&, const Tensor&)> f; };
  const Case cases[] = {{"matmul", "cublaslt", {5, 16}, {16, 8}, [](auto& x, auto& w) { return matmul(x, w); }},
                        {"linear", "cublaslt", {6, 8}, {12, 8}, [](auto& x, auto& w) { return linear(x, w); }},
                        {"conv2d", "cudnn", {2, 8, 5, 4}, {8, 8, 3, 3}, [](auto& x, auto& w) { return conv2d(x, w, {}, {.padding = 1}); }},
                        {"conv2d", "cublaslt", {2, 8, 3, 4}, {4, 8, 1, 1}, [](auto& x, auto& w) { return conv2d(x, w); }}};
  const double near_one = 1 + 0x1p-12;
  for (const Case& c : cases)
    for (const auto& [x, dy] : {std::pair(near_one, 1.0), {1.0, near_one}}) {
      SCOPED_TRACE(std::string(c.op) + " by " + c.library + (x == 1 ? ", dy" : ", x"));
      const Passes exact = run(c.f, c.x, c.w, f64, cpu, x, dy), rounded = run(c.f, c.x, c.w, f64, cpu, 1, 1);
      const auto expect_all = [&](const Passes& expected, double tolerance) {
        const Passes got = run(c.f, c.x, c.w, f32, cuda(), x, dy);
        for (const auto& [a, b] : {std::pair(&got.y, &expected.y), {&got.dx, &expected.dx}, {&got.dw, &expected.dw}}) {
          ASSERT_EQ(a->size(), b->size());
          for (size_t i = 0; i < a->size(); ++i) ASSERT_NEAR((*a)[i], (*b)[i], tolerance * (*b)[i]) << i;
        }
      };
      const auto chosen = [] { const std::string text = choices_text(); return std::count(text.begin(), text.end(), '\n'); };
      set_implementation(c.op, c.library);  // forgets what was chosen
      set_tf32(false);
      expect_all(exact, 0);
      const auto without = chosen();
      set_tf32(true);
      if (MICA_EMULATED) expect_all(rounded, 0); else expect_all(exact, 0x1p-10);  // a library may have reasons to leave it
      EXPECT_EQ(chosen(), 2 * without) << "what was chosen without it is not valid with it";
      set_tf32(false);
      expect_all(exact, 0);
      EXPECT_EQ(chosen(), 2 * without);
      set_tf32(true);
      set_implementation(c.op, "mica");
      expect_all(exact, 0);
    }
}

TEST_F(Implementation, ChoicesOfAnEarlierRunAreTaken) {
  set_choices(Choices::measured);
  const Tensor x = ones({3, 5}, {f32, cuda()}), w = ones({7, 5}, {f32, cuda()});
  set_implementation("linear", "mica");
  linear(x, w);
  const std::string by_name = choices_text();
  const size_t at = by_name.find("linear ");
  ASSERT_NE(at, std::string::npos) << by_name;
  const std::string line = by_name.substr(at, by_name.find('\n', at) + 1 - at);
  ASSERT_TRUE(line.ends_with(" = mica\n")) << line;
  set_implementation("linear", "");
  for (const std::string name : {"mica", "cublaslt"}) {
    const std::string wanted = line.substr(0, line.size() - 5) + name + "\n";
    load_choices(wanted);
    EXPECT_EQ(choices_text(), wanted) << "not yet used";
    linear(x, w);
    EXPECT_EQ(choices_text(), wanted);
  }
  load_choices(line.substr(0, line.size() - 5) + "cublaslt:of_another_library\n");
  linear(x, w);  // warns, and takes another one
  EXPECT_EQ(choices_text().find("of_another_library"), std::string::npos);
}

TEST_F(Implementation, TextThatIsNoChoicesIsRefused) {
  const std::string good = "linear 1,2,-3 = mica\nconv2d 4 = cudnn:algo_1\n";
  load_choices(good);
  const auto refusal = [](const std::string& text) { return error_of([&] { load_choices(text, "runs/a/choices.txt"); }); };
  const std::string said = "runs/a/choices.txt, line 3: '", is_not = "' is not OP SIZES = IMPLEMENTATION, or the second for these sizes";
  for (const std::string line : {"", "linear", "linear = mica", "linear 1,2", "linear 1,x = mica", "linear 1,2 = cudnn", "linear 1,2 =mica", "lin 1,2 = mica", "linear 1,2,-3 = cublaslt", "\xff\xfe"})
    EXPECT_EQ(refusal(good + line + "\n"), said + line + is_not);
  EXPECT_EQ(refusal(good + std::string(100000, 'x') + "\n"), said + std::string(80, 'x') + is_not);
  EXPECT_EQ(refusal(good + "linear 7,8 = cubla"), "runs/a/choices.txt, line 3: the text ends in the middle of the line");
  EXPECT_EQ(refusal(good + "linear 7,8 = mica"), "runs/a/choices.txt, line 3: the text ends in the middle of the line");
  EXPECT_THROW(load_choices("x\n"), IoError);
  EXPECT_EQ(choices_text().find("linear 1,2,-3 = mica\n") == std::string::npos, false) << "a refused text changes nothing";
}
#else
TEST(Implementation, ABuildWithoutCudaHasNone) {
  EXPECT_EQ(implementations("conv2d"), std::vector<std::string>());
  EXPECT_EQ(error_of([] { set_implementation("conv2d", "cudnn"); }), "set_implementation: this build has no CUDA");
  load_choices("anything");
  EXPECT_EQ(choices_text(), "");
  set_tf32(true);
  EXPECT_TRUE(tf32_allowed());
  set_tf32(false);
}
#endif
