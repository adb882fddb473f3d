#include <filesystem>
#include "mica/mica.h"
#include "mica/tests/op_case.h"

using namespace mica;
using mica::testing::error_of;

namespace {
Tensor leaf(const Shape& shape, double value = 0) { return full(shape, value).set_requires_grad(); }
std::string names(const std::vector<Field>& fields) {
  std::string result;
  for (const Field& f : fields) result += (result.empty() ? "" : " ") + f.path;
  return result;
}

struct Scale {  // y = x weight + bias
  Tensor weight, bias;
  Scale(int64_t n = 2, bool with_bias = true) : weight(leaf({n}, 1)), bias(with_bias ? leaf({n}) : Tensor()) {}
  Tensor operator()(const Tensor& x) const { return bias ? x * weight + bias : x * weight; }
  void fields(Fields& f) { f.parameter("weight", weight); f.parameter("bias", bias); }
};
struct Block {
  Scale a, b;
  Tensor running = ones({2});
  bool training = true;
  Tensor operator()(const Tensor& x) const { return relu(x + b(relu(a(x)))); }
  void fields(Fields& f) {
    f.child("a", a); f.child("b", b); f.buffer("running", running); f.ignored("seen"); f.training(training);
  }
};
struct Net {
  std::vector<Block> layer1{2};
  std::array<Scale, 2> pair{};
  Sequential features{Scale(2), relu, Scale(2, false)};
  std::tuple<Scale, Block> tuple;
  std::optional<Scale> extra = Scale(3), absent;
  std::variant<Block, Scale> either = Scale(2);
  Scale head{2}, tied = head;
  Tensor operator()(Tensor x) const { for (auto& block : layer1) x = block(x); return head(features(x)); }
  void fields(Fields& f) {
    f.child("layer1", layer1); f.child("pair", pair); f.child("features", features); f.child("tuple", tuple); f.child("extra", extra);
    f.child("absent", absent); f.child("either", either); f.child("head", head); f.child("tied", tied);
  }
};
struct TemporaryFile {
  std::string path = std::filesystem::temp_directory_path() / ("mica_module_test_" + std::to_string(getpid()) + ".safetensors");
  ~TemporaryFile() { std::filesystem::remove(path); }
};
}  // namespace

TEST(Module, NamesJoinWithDots) {
  const Net net;
  EXPECT_EQ(names(fields(net)),
            "layer1.0.a.weight layer1.0.a.bias layer1.0.b.weight layer1.0.b.bias layer1.0.running "
            "layer1.1.a.weight layer1.1.a.bias layer1.1.b.weight layer1.1.b.bias layer1.1.running "
            "pair.0.weight pair.0.bias pair.1.weight pair.1.bias features.0.weight features.0.bias features.2.weight "
            "tuple.0.weight tuple.0.bias tuple.1.a.weight tuple.1.a.bias tuple.1.b.weight tuple.1.b.bias tuple.1.running "
            "extra.weight extra.bias either.weight either.bias head.weight head.bias");
  EXPECT_EQ(parameters(net).size(), 27u);
  EXPECT_EQ(buffers(net).size(), 3u);
  EXPECT_EQ(named_parameters(net).back().path, "head.bias");
  EXPECT_EQ(count_parameters(net), 26 * 2 + 2 * 3 - 2);
}

TEST(Module, PartsAndContainersAreModulesToo) {
  Net net;
  EXPECT_EQ(parameters(net.layer1).size(), 8u);
  EXPECT_EQ(names(fields(net.tuple)).substr(0, 15), "0.weight 0.bias");
  EXPECT_EQ(parameters(net.absent).size(), 0u);
  struct Local { Scale a; void fields(Fields& f) { f.child("a", a); } } local;  // declared inside a function
  EXPECT_EQ(names(fields(local)), "a.weight a.bias");
  struct Owner { std::unique_ptr<Scale> a = std::make_unique<Scale>(), none; void fields(Fields& f) { f.child("a", a); f.child("none", none); } } owner;
  EXPECT_EQ(names(fields(owner)), "a.weight a.bias");
  struct Wrapper { Scale a; void fields(Fields& f) { f.child("", a); } } wrapper;  // an empty name adds no dot
  EXPECT_EQ(names(fields(wrapper)), "weight bias");
}

TEST(Module, TiedTensorsAreListedOnce) {
  const Net net;
  const auto all = fields(net);
  EXPECT_EQ(all.back().also, std::vector<std::string>{"tied.bias"});
  struct Twice { Scale a, b; void fields(Fields& f) { f.child("a", a); f.child("a", b); } } twice;
  EXPECT_EQ(error_of([&] { fields(twice); }), "fields: two tensors of the model are named a.weight");
}

TEST(Module, ToKeepsHandlesCopiesAndTies) {
  Net net;
  Tensor handle = net.head.weight;
  Net copy = net;
  to(net, f64);
  EXPECT_EQ(handle.dtype(), f64);
  EXPECT_EQ(copy.head.weight.dtype(), f64);
  EXPECT_EQ(net.tied.weight.dtype(), f64);
  EXPECT_TRUE(handle.requires_grad());
  net(ones({1, 2}, {f64})).backward(ones({1, 2}, {f64}));
  EXPECT_EQ(handle.grad().dtype(), f64);
  to(net, cpu, f32);
  EXPECT_EQ(handle.dtype(), f32);
  EXPECT_FALSE(handle.grad());  // it was f64
  EXPECT_EQ(error_of([&] { to(net, i32); }), "to: a model computes in f32, f64, f16 or bf16, not in i32");
}

TEST(Module, ToKeepsLayout) {
  struct Conv { Tensor weight = empty({4, 3, 2, 2}, {}, Layout::channels_last); void fields(Fields& f) { f.parameter("weight", weight); } } conv;
  fill(conv.weight, 3);
  to(conv, f64);
  EXPECT_TRUE(conv.weight.has_layout(Layout::channels_last));
  EXPECT_TRUE(clone(conv).weight.has_layout(Layout::channels_last));
  EXPECT_EQ(conv.weight.to_vector<double>(), std::vector<double>(48, 3));
}

TEST(Module, CloneHasTensorsOfItsOwn) {
  Net net;
  freeze(net.extra);
  const Net own = clone(net);
  EXPECT_FALSE(own.head.weight.same(net.head.weight));
  EXPECT_TRUE(own.head.weight.same(own.tied.weight));
  EXPECT_FALSE(own.layer1[1].running.same(net.layer1[1].running));
  EXPECT_TRUE(own.head.weight.requires_grad());
  EXPECT_FALSE(own.extra->weight.requires_grad());
  { NoGrad no_grad; fill(net.head.weight, 5); fill(net.features[0].as<Scale>()->weight, 5); }
  EXPECT_EQ(own.head.weight[0].item(), 1);
  EXPECT_EQ(Net(own).features[0].as<Scale>()->weight[0].item(), 1);
  EXPECT_NE(error_of([&] { own.layer1[0].b(zeros({3})); }).find("in layer1.0.b"), std::string::npos);  // its tensors know their paths
}

TEST(Module, FrozenGetsNoGradientAndIsSaved) {
  Net net;
  freeze(net.layer1);
  net(ones({1, 2})).backward(ones({1, 2}));
  EXPECT_FALSE(net.layer1[1].a.weight.grad());
  EXPECT_TRUE(net.head.weight.grad());
  EXPECT_TRUE(state(net).contains("layer1.1.a.weight"));
  zero_grad(net);
  EXPECT_FALSE(net.head.weight.grad());
  freeze(net, false);
  EXPECT_TRUE(net.layer1[1].a.weight.requires_grad());
}

TEST(Module, SetTrainingReachesAll) {
  Net net;
  net.features.push_back(Block());
  set_training(net, false);
  EXPECT_FALSE(net.layer1[0].training || net.layer1[1].training || std::get<1>(net.tuple).training || net.features[3].as<Block>()->training);
  set_training(net, true);
  EXPECT_TRUE(net.layer1[1].training && net.features[3].as<Block>()->training);
}

TEST(Module, ErrorsNameTheModule) {
  Net net;
  fields(net);
  EXPECT_EQ(error_of([&] { net.layer1[1].b(zeros({3})); }),
            "multiply: sizes 3 and 2 of dimension -1 do not broadcast\n  in layer1.1.b\n  a: f32[3] on cpu\n  b: f32[2] on cpu");
  fields(net.layer1);  // walking a part does not rename it
  EXPECT_NE(error_of([&] { net.layer1[1].b(zeros({3})); }).find("in layer1.1.b"), std::string::npos);
}

TEST(Module, LoadChangesTensorsInPlace) {
  Net net, other = clone(net);
  { NoGrad no_grad; for (auto& [name, t] : state(other)) fill(t, 3); }
  Tensor handle = net.tied.bias;
  load(net, state(other));
  EXPECT_EQ(handle[1].item(), 3);
  EXPECT_EQ(net.layer1[1].running[0].item(), 3);
  to(other, f64);
  { NoGrad no_grad; fill(other.head.bias, 4); }
  load(net, state(other));  // float types are converted
  EXPECT_EQ(handle[0].item(), 4);
  EXPECT_EQ(handle.dtype(), f32);
}

TEST(Module, LoadAcceptsOtherNamesOfTiedTensorsAndIgnoredOnes) {
  Net net;
  State file = state(net);
  file.erase("head.weight");
  file["tied.weight"] = full({2}, 7);
  file["tied.bias"] = file["head.bias"];
  file["layer1.0.seen"] = zeros({}, {i64});
  load(net, file);
  EXPECT_EQ(net.head.weight[0].item(), 7);
}

TEST(Module, LoadErrorsNameAllThatDoesNotFitAndChangeNothing) {
  Block block;
  State file{{"a.weight", full({2}, 9)}, {"a.bias", full({3}, 9)}, {"b.weight", full({2}, 9)}, {"running", zeros({2}, {i64})}, {"head.bias", zeros({10})}};
  EXPECT_EQ(error_of([&] { load(block, file); }),
            "load: the state does not fit the model"
            "\n  missing:    b.bias, f32[2]"
            "\n  unexpected: head.bias, f32[10]"
            "\n  misfit:     a.bias is f32[3], the model's f32[2]"
            "\n  misfit:     running is i64[2], the model's f32[2]");
  EXPECT_EQ(block.a.weight[0].item(), 1);
  EXPECT_NE(error_of([&] { load(block, file, {.partial = true}); }).find("a.bias is f32[3]"), std::string::npos);
  file.erase("a.bias");
  file.erase("running");
  load(block, file, {.partial = true});
  EXPECT_EQ(block.a.weight[0].item(), 9);
  EXPECT_EQ(block.a.bias[0].item(), 0);
  EXPECT_EQ(error_of([&] { load(block, State{{"x", zeros({1})}}, {.partial = true}); }), "load: the state has none of the model's tensors");
}

TEST(Module, SaveAndLoadAFile) {
  TemporaryFile file;
  Net net;
  { NoGrad no_grad; fill(net.head.bias, 6); fill(net.layer1[0].running, 2); }
  save(net, file.path, {{"epoch", "3"}});
  Net other;
  load(other, file.path);
  EXPECT_EQ(other.head.bias[0].item(), 6);
  EXPECT_EQ(other.layer1[0].running[1].item(), 2);
  Block block;
  EXPECT_EQ(error_of([&] { load(block, file.path); }).substr(0, 6 + file.path.size()), "load: " + file.path);
  EXPECT_THROW(load(block, "/nonexistent/x.safetensors"), IoError);
}

TEST(Module, AnyModuleIsAValue) {
  AnyModule a = Scale(2), b = a;
  EXPECT_TRUE(a.as<Scale>()->weight.same(b.as<Scale>()->weight));  // copies share tensors
  EXPECT_EQ(a.as<Block>(), nullptr);
  AnyModule f = relu, lambda = [](const Tensor& x) { return x * 2; };
  EXPECT_EQ(f(full({1}, -1)).item(), 0);
  EXPECT_EQ(lambda(full({1}, -1)).item(), -2);
  EXPECT_EQ(names(fields(a)) + names(fields(f)), "weight bias");
  b = f;
  EXPECT_EQ(b(full({1}, -3)).item(), 0);
  AnyModule nested = Sequential{Sequential{Scale(2), relu}, Scale(2)}, own = clone(nested);
  EXPECT_EQ(names(fields(nested)), "0.0.weight 0.0.bias 1.weight 1.bias");
  EXPECT_FALSE(parameters(own)[0].same(parameters(nested)[0]));
}
