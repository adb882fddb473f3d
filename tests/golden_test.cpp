#include "golden_case.h"
#include "mica/mica.h"
// Values and gradients of every op beside PyTorch's. tools/golden/ops.py has the same rows.

using namespace mica;
using namespace mica::testing;

namespace {
using In = const Inputs&;
using Rows = std::vector<GoldenCase>;

Rows pointwise() {
  Rows rows = {
      {"negative", [](In x) { return -x[0]; }},
      {"square", [](In x) { return square(x[0]); }},
      {"sin", [](In x) { return sin(x[0]); }},
      {"cos", [](In x) { return cos(x[0]); }},
      {"expm1", [](In x) { return expm1(x[0]); }},
      {"exp", [](In x) { return exp(x[0]); }},
      {"abs", [](In x) { return abs(x[0]); }},
      {"sign", [](In x) { return sign(x[0]); }},
      {"floor", [](In x) { return floor(x[0]); }},
      {"ceil", [](In x) { return ceil(x[0]); }},
      {"round", [](In x) { return round(x[0]); }},
      {"identity", [](In x) { return identity(x[0]) * 1; }},
      {"sigmoid", [](In x) { return sigmoid(x[0]); }},
      {"tanh", [](In x) { return tanh(x[0]); }},
      {"relu", [](In x) { return relu(x[0]); }},
      {"relu6", [](In x) { return relu6(x[0]); }},
      {"leaky_relu", [](In x) { return leaky_relu(x[0]); }},
      {"elu", [](In x) { return elu(x[0]); }},
      {"gelu", [](In x) { return gelu(x[0]); }},
      {"silu", [](In x) { return silu(x[0]); }},
      {"softsign", [](In x) { return softsign(x[0]); }},
      {"hard_sigmoid", [](In x) { return hard_sigmoid(x[0]); }},
      {"hard_swish", [](In x) { return hard_swish(x[0]); }},
      {"reciprocal", [](In x) { return reciprocal(x[0]); }},
      {"log", [](In x) { return log(x[0]); }},
      {"log1p", [](In x) { return log1p(x[0]); }},
      {"sqrt", [](In x) { return sqrt(x[0]); }},
      {"rsqrt", [](In x) { return rsqrt(x[0]); }},
      {"step", [](In x) { return step(x[0]); }},
      {"leaky_relu/slope", [](In x) { return leaky_relu(x[0], {.slope = 0.2}); }},
      {"elu/alpha", [](In x) { return elu(x[0], {.alpha = 0.5}); }},
      {"gelu_tanh", [](In x) { return gelu_tanh(x[0]); }},
      {"softplus", [](In x) { return softplus(x[0]); }},
      {"softplus/beta", [](In x) { return softplus(x[0], {.beta = 2.5}); }},
      {"clamp", [](In x) { return clamp(x[0], {.min = -1, .max = 2.25}); }},
      {"clamp/min", [](In x) { return clamp(x[0], {.min = 0.5}); }},
      {"clamp/max", [](In x) { return clamp(x[0], {.max = -0.5}); }},
      {"pow/3", [](In x) { return pow(x[0], 3); }},
      {"pow/2", [](In x) { return pow(x[0], 2); }},
      {"pow/0", [](In x) { return pow(x[0], 0); }},
      {"pow/0.5", [](In x) { return pow(x[0], 0.5); }},
      {"pow/-1.5", [](In x) { return pow(x[0], -1.5); }},
      {"pow/base", [](In x) { return pow(2.5, x[0]); }},
      {"pow/tensors", [](In x) { return pow(x[0], x[1]); }, 5},
      {"pow/zero", [](In x) { return pow(x[0], x[1]); }},
      {"pow/negative_base", [](In x) { return pow(x[0], x[1]); }},
      {"isnan", [](In x) { return isnan(x[0]); }},
      {"add/same", [](In x) { return x[0] + x[0]; }},
      {"add/empty", [](In x) { return x[0] + x[1]; }},
      {"add/number", [](In x) { return x[0] + 2.5; }},
      {"subtract/number", [](In x) { return 2.5 - x[0]; }},
      {"multiply/number", [](In x) { return x[0] * 2.5; }},
      {"divide/number", [](In x) { return 2.5 / x[0]; }},
      {"maximum", [](In x) { return maximum(x[0], x[1]); }, 5},
      {"maximum/ties", [](In x) { return maximum(x[0], x[1]); }},
      {"minimum", [](In x) { return minimum(x[0], x[1]); }, 5},
      {"minimum/ties", [](In x) { return minimum(x[0], x[1]); }},
      {"logical_not", [](In x) { return logical_not(x[0]); }},
      {"where", [](In x) { return where(x[0], x[1], x[2]); }, 15},
      {"where/condition", [](In x) { return where(x[0] > 0, x[1], x[2]); }, 12},
  };
  const std::pair<std::string, Tensor (*)(const Tensor&, const Tensor&)> arithmetic[] = {
      {"add", add}, {"subtract", subtract}, {"multiply", multiply}, {"divide", divide}};
  for (const auto& [name, f] : arithmetic)
    for (const char* kind : {"", "/broadcast", "/zero_dim", "/size_1"}) rows.push_back({name + kind, [f = f](In x) { return f(x[0], x[1]); }, 15});
  const std::pair<std::string, Tensor (*)(const Tensor&, const Tensor&)> comparisons[] = {
      {"equal", operator==}, {"not_equal", operator!=}, {"less", operator<}, {"less_equal", operator<=}, {"greater", operator>}, {"greater_equal", operator>=},
      {"logical_and", logical_and}, {"logical_or", logical_or}, {"logical_xor", logical_xor}};
  for (const auto& [name, f] : comparisons)
    for (const char* kind : {"", "/integers"}) rows.push_back({name + kind, [f = f](In x) { return f(x[0], x[1]); }});
  return rows;
}

Rows reductions() {
  Rows rows = {
      {"sum/empty", [](In x) { return sum(x[0], {.dims = {1}}); }},
      {"sum/integers", [](In x) { return sum(x[0]); }},
      {"sum/bool", [](In x) { return sum(x[0]); }},
      {"max/ties", [](In x) { return max(x[0], {.dims = {1}}); }, 9},
      {"min/ties", [](In x) { return min(x[0]); }, 45},
      {"var", [](In x) { return var(x[0]); }, 60},
      {"var/population", [](In x) { return var(x[0], {.correction = 0}); }, 15},
      {"var/dims", [](In x) { return var(x[0], {.dims = {0, 2}, .keepdim = true}); }, 12},
      {"std", [](In x) { return std_dev(x[0], {.dims = {1}, .correction = 2}); }, 5},
      {"norm/1", [](In x) { return norm(x[0], {.p = 1}); }, 15},
      {"norm/2", [](In x) { return norm(x[0]); }, 15},
      {"norm/3", [](In x) { return norm(x[0], {.p = 3}); }, 15},
      {"norm/0.5", [](In x) { return norm(x[0], {.p = 0.5}); }, 15},
      {"norm/inf", [](In x) { return norm(x[0], {.p = HUGE_VAL}); }},
      {"norm/dims", [](In x) { return norm(x[0], {.dims = {0, 2}, .keepdim = true}); }, 12},
      {"norm/zero", [](In x) { return norm(x[0]); }},
      {"all", [](In x) { return all(x[0]); }},
      {"any", [](In x) { return any(x[0], {.dims = {1}}); }},
      {"any/nan", [](In x) { return any(x[0]); }},
      {"cumsum", [](In x) { return cumsum(x[0]); }, 5},
      {"cumsum/first", [](In x) { return cumsum(x[0], 0); }, 3},
  };
  const std::pair<std::string, Tensor (*)(const Tensor&, Reduce)> folds[] = {{"sum", sum}, {"mean", mean}, {"max", max}, {"min", min}, {"logsumexp", logsumexp}};
  for (const auto& [name, f] : folds) {
    rows.push_back({name, [f = f](In x) { return f(x[0], {}); }, 60});
    rows.push_back({name + "/first", [f = f](In x) { return f(x[0], {.dims = {0}}); }, 3});
    rows.push_back({name + "/two", [f = f](In x) { return f(x[0], {.dims = {0, 2}, .keepdim = true}); }, 12});
    rows.push_back({name + "/last", [f = f](In x) { return f(x[0], {.dims = {-1}, .keepdim = true}); }, 17});
  }
  const std::pair<std::string, Tensor (*)(const Tensor&, int)> places[] = {{"argmax", argmax}, {"argmin", argmin}};
  for (const auto& [name, f] : places)
    for (const auto& [kind, dim] : {std::pair{"", -1}, {"/middle", 1}, {"/ties", 0}}) rows.push_back({name + kind, [f = f, dim = dim](In x) { return f(x[0], dim); }});
  const std::pair<std::string, Tensor (*)(const Tensor&, int)> soft[] = {{"softmax", softmax}, {"log_softmax", log_softmax}};
  for (const auto& [name, f] : soft)
    for (const auto& [kind, dim] : {std::pair{"", -1}, {"/first", 0}, {"/middle", 1}, {"/large", -1}})
      rows.push_back({name + kind, [f = f, dim = dim](In x) { return f(x[0], dim); }, 17});
  return rows;
}

Rows products() {
  Rows rows = {{"matmul/transposed", [](In x) { return matmul(transpose(x[0], 0, 1), x[1]); }, 5}};
  for (const char* kind : {"", "/batched", "/broadcast", "/matrix", "/dot", "/vector_matrix", "/matrix_vector", "/batch_vector", "/vector_batch", "/large", "/empty", "/one"})
    rows.push_back({std::string("matmul") + kind, [](In x) { return matmul(x[0], x[1]); }, 33});
  for (const char* kind : {"", "/no_bias", "/1d", "/3d"}) rows.push_back({std::string("linear") + kind, [](In x) { return linear(x[0], x[1], x[2]); }, 6});
  const std::pair<const char*, op::Conv2d> convolutions[] = {
      {"3x3", {.padding = 1}}, {"valid", {}}, {"no_bias", {}}, {"stride2", {.stride = 2, .padding = 1}}, {"stride_2_1", {.stride = {2, 1}, .padding = {1, 0}}},
      {"stride3", {.stride = 3}}, {"dilation2", {.padding = 2, .dilation = 2}}, {"dilation_1_2", {.stride = {2, 1}, .dilation = {1, 2}}},
      {"groups2", {.padding = 1, .groups = 2}}, {"depthwise", {.padding = 1, .groups = 5}}, {"depthwise_twice", {.stride = 2, .padding = 1, .groups = 3}}, {"1x1", {}},
      {"1x1_stride2", {.stride = 2}}, {"1x1_padded", {.padding = 1}}, {"5x5", {.padding = 2}}, {"7x7_stride2", {.stride = 2, .padding = 3}}, {"1x3", {.padding = {0, 1}}},
      {"2x2", {}}, {"whole_image", {}}, {"wide", {.padding = 1}}, {"one_pixel", {}}, {"groups_dilated", {.stride = 2, .padding = 1, .dilation = 2, .groups = 2}}};
  for (const auto& [name, options] : convolutions)
    rows.push_back({std::string("conv2d/") + name, [o = options](In x) { return conv2d(x[0], x[1], x[2], o); }, 150});
  return rows;
}

Rows pooling() {
  Rows rows = {
      {"max_pool2d/dilated", [](In x) { return max_pool2d(x[0], {.window = 2, .stride = 1, .dilation = {2, 3}}); }, 4},
      {"max_pool2d/ties", [](In x) { return max_pool2d(x[0], {.window = 3, .stride = 2, .padding = 1}); }, 4},
      {"global_avg_pool2d", [](In x) { return global_avg_pool2d(x[0]); }, 20},
  };
  struct Window { const char* name; Pair window, stride = 0, padding = 0; bool ceil = false; };
  const Window windows[] = {{"2", 2}, {"odd", 2}, {"3_stride2_padded", 3, 2, 1}, {"overlap", 3, 1}, {"gaps", 2, 3}, {"uneven", {3, 2}, {2, 1}, {1, 0}},
                            {"ceil", 3, 2, 0, true}, {"ceil_padded", 3, 2, 1, true}, {"ceil_drops", 2, 3, 1, true}, {"one", 1}};
  for (const Window& w : windows) {
    const std::string name = w.name;
    rows.push_back({"max_pool2d/" + name, [w](In x) { return max_pool2d(x[0], {.window = w.window, .stride = w.stride, .padding = w.padding, .ceil = w.ceil}); }, 9});
    for (bool count : {true, false}) if (count || w.padding.h)
      rows.push_back({"avg_pool2d/" + name + (count ? "" : "_uncounted"), [w, count](In x) {
        return avg_pool2d(x[0], {.window = w.window, .stride = w.stride, .padding = w.padding, .ceil = w.ceil, .count_padding = count});
      }, 9});
  }
  for (Pair size : {Pair(1), Pair(3), Pair(2, 5), Pair(4), Pair(9, 8)}) {
    const std::string at = std::to_string(size.h) + "x" + std::to_string(size.w);
    rows.push_back({"adaptive_avg_pool2d/" + at, [size](In x) { return adaptive_avg_pool2d(x[0], size); }, 35});
    rows.push_back({"adaptive_max_pool2d/" + at, [size](In x) { return adaptive_max_pool2d(x[0], size); }, 35});
  }
  return rows;
}

Rows norms() {
  Rows rows;
  auto batch = [&](const char* name, op::BatchNorm options) {
    rows.push_back({std::string("batch_norm") + name, [options](In x) -> Outputs {
      const Tensor y = batch_norm(x[0], x[1], x[2], x[3], x[4], options, x[5]);
      return x[3] ? Outputs{y, x[3], x[4]} : Outputs{y};
    }, 40});
  };
  for (const char* name : {"", "/2d", "/3d", "/plain", "/add"}) batch(name, {});
  batch("/options", {.momentum = 0.3, .eps = 1e-2});
  batch("/relu", {.relu = true});
  batch("/add_relu", {.relu = true});
  for (const char* name : {"/eval", "/eval_2d", "/eval_plain"}) batch(name, {.training = false});
  batch("/eval_add_relu", {.training = false, .relu = true});
  rows.push_back({"layer_norm", [](In x) { return layer_norm(x[0], x[1], x[2]); }, 15});
  rows.push_back({"layer_norm/two", [](In x) { return layer_norm(x[0], x[1], x[2], {.dims = 2}); }, 35});
  rows.push_back({"layer_norm/plain", [](In x) { return layer_norm(x[0]); }, 33});
  rows.push_back({"layer_norm/eps", [](In x) { return layer_norm(x[0], x[1], x[2], {.eps = 0.1}); }, 5});
  return rows;
}

Rows shapes() {
  return {
      {"cat", [](In x) { return cat({x[0], x[1], x[2]}); }},
      {"cat/middle", [](In x) { return cat({x[0], x[1], x[2]}, 1); }},
      {"cat/last", [](In x) { return cat({x[0], x[1]}, -1); }},
      {"cat/same", [](In x) { return cat({x[0], x[0]}); }},
      {"stack", [](In x) { return stack({x[0], x[1]}); }},
      {"stack/last", [](In x) { return stack({x[0], x[1], x[2]}, -1); }},
      {"split", [](In x) { return split(x[0], 2, 1); }},
      {"chunk", [](In x) { return chunk(x[0], 3); }},
      {"pad", [](In x) { return pad(x[0], {1, 2}); }},
      {"pad/image", [](In x) { return pad(x[0], {1, 0, 2, 3}, 1.5); }},
      {"pad/negative", [](In x) { return pad(x[0], {-1, 2, 1, -2}); }},
      {"pad/reflect", [](In x) { return pad(x[0], {2, 1, 1, 2}, PadMode::reflect); }, 9},
      {"pad/replicate", [](In x) { return pad(x[0], {2, 1, 1, 3}, PadMode::replicate); }, 12},
      {"flip", [](In x) { return flip(x[0], {0, 2}); }},
      {"roll", [](In x) { return roll(x[0], -2, 1); }},
      {"reshape", [](In x) { return reshape(x[0], {4, -1}); }},
      {"reshape/permuted", [](In x) { return reshape(permute(x[0], {2, 0, 1}), {6, 4}); }},
      {"flatten", [](In x) { return flatten(x[0]); }},
      {"permute", [](In x) { return permute(x[0], {2, 0, 1}); }},
      {"transpose", [](In x) { return transpose(x[0], -1, 0); }},
      {"expand", [](In x) { return expand(x[0], {4, 2, 3}); }, 12},
      {"squeeze", [](In x) { return squeeze(x[0], 1); }},
      {"unsqueeze", [](In x) { return unsqueeze(x[0], -1); }},
      {"select", [](In x) { return select(x[0], 1, -2); }},
      {"slice", [](In x) { return slice(x[0], 1, 1, 6, 2); }},
      {"slice/negative", [](In x) { return slice(x[0], 0, -3, -1); }},
      {"slice_update", [](In x) { return slice_update(x[0], x[1], 1, 2); }},
      {"tril", [](In x) { return tril(x[0], 1); }},
      {"triu", [](In x) { return triu(x[0], -1); }},
      {"embedding", [](In x) { return embedding(x[0], x[1]); }, 8},
      {"embedding/padding", [](In x) { return embedding(x[0], x[1], {.padding_id = 2}); }, 9},
      {"one_hot", [](In x) { return one_hot(x[0], 6); }},
      {"gather", [](In x) { return gather(x[0], 1, x[1]); }, 4},
      {"gather/first", [](In x) { return gather(x[0], 0, x[1]); }, 7},
      {"index_select", [](In x) { return index_select(x[0], 1, x[1]); }, 7},
      {"index_add", [](In x) { return index_add(x[0], 0, x[1], x[2]); }, 6},
      {"masked_fill", [](In x) { return masked_fill(x[0], x[1], -2.5); }},
      {"masked_select", [](In x) { return masked_select(x[0], x[1]); }},
      {"index/mask", [](In x) { return x[0][x[1]]; }},
      {"index/integers", [](In x) { return x[0][x[1]]; }, 6},
      {"sort", [](In x) -> Outputs { const Sorted s = sort(x[0], {.dim = 0}); return {s.values, s.indices}; }},
      {"sort/descending", [](In x) -> Outputs { const Sorted s = sort(x[0], {.descending = true}); return {s.values, s.indices}; }},
      {"topk", [](In x) -> Outputs { const Sorted s = topk(x[0], 3); return {s.values, s.indices}; }},
  };
}

Rows losses() {
  Rows rows;
  for (const auto& [name, r] : {std::pair<std::string, Reduction>{"mean", Reduction::mean}, {"sum", Reduction::sum}, {"none", Reduction::none}}) {
    rows.push_back({"mse/" + name, [r = r](In x) { return mse(x[0], x[1], {.reduction = r}); }, 15});
    rows.push_back({"cross_entropy/" + name, [r = r](In x) { return cross_entropy(x[0], x[1], {.reduction = r}); }, 28});
    rows.push_back({"cross_entropy/everything_" + name, [r = r](In x) {
      return cross_entropy(x[0], x[1], {.weight = x[2], .label_smoothing = 0.1, .ignore_index = 2, .reduction = r});
    }, 45});
    rows.push_back({"nll/" + name, [r = r](In x) { return nll(x[0], x[1], {.weight = x[2], .ignore_index = 1, .reduction = r}); }, 6});
    rows.push_back({"bce_with_logits/" + name, [r = r](In x) { return bce_with_logits(x[0], x[1], {.reduction = r}); }, 15});
    rows.push_back({"bce_with_logits/everything_" + name, [r = r](In x) { return bce_with_logits(x[0], x[1], {.weight = x[2], .pos_weight = x[3], .reduction = r}); }, 12});
  }
  const Rows more = {
      {"cross_entropy/weights", [](In x) { return cross_entropy(x[0], x[1], {.weight = x[2]}); }, 30},
      {"cross_entropy/smoothing", [](In x) { return cross_entropy(x[0], x[1], {.label_smoothing = 0.2}); }, 30},
      {"cross_entropy/smoothing_weights", [](In x) { return cross_entropy(x[0], x[1], {.weight = x[2], .label_smoothing = 0.2}); }, 30},
      {"cross_entropy/ignored", [](In x) { return cross_entropy(x[0], x[1]); }, 30},
      {"cross_entropy/image", [](In x) { return cross_entropy(x[0], x[1], {.weight = x[2], .label_smoothing = 0.1, .ignore_index = 0}); }, 120},
      {"cross_entropy/image_none", [](In x) { return cross_entropy(x[0], x[1], {.reduction = Reduction::none}); }, 5},
      {"cross_entropy/large", [](In x) { return cross_entropy(x[0], x[1]); }, 12},
      {"nll/plain", [](In x) { return nll(x[0], x[1]); }, 6},
      {"nll/image", [](In x) { return nll(x[0], x[1]); }, 24},
  };
  rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

void check_all(const Rows& rows) {
  GoldenFile file("ops");
  for (const GoldenCase& row : rows) check(file, row);
}
}  // namespace

TEST(Golden, Pointwise) { check_all(pointwise()); }
TEST(Golden, Reductions) { check_all(reductions()); }
TEST(Golden, Products) { check_all(products()); }
TEST(Golden, Pooling) { check_all(pooling()); }
TEST(Golden, Norms) { check_all(norms()); }
TEST(Golden, Shapes) { check_all(shapes()); }
TEST(Golden, Losses) { check_all(losses()); }

TEST(Golden, EveryCaseHasItsRow) {
  Rows all;
  for (const auto& group : {pointwise, reductions, products, pooling, norms, shapes, losses}) for (const GoldenCase& row : group()) all.push_back(row);
  GoldenFile file("ops");
  std::set<std::string> cases = file.cases();
  cases.erase("promotion");
  EXPECT_EQ(differing(cases, all), "");
}

TEST(Golden, DtypesMeetAsInTorch) {
  GoldenFile file("ops");
  const std::vector<int64_t> table = file.at("promotion/table").to_vector<int64_t>();
  for (int64_t zero_dim = 0; zero_dim < 2; ++zero_dim)
    for (int64_t a = 0; a < 8; ++a) for (int64_t b = 0; b < 8; ++b) {
      const Tensor x = zeros({1}, {DType(a)}), y = zeros(zero_dim ? Shape{} : Shape{1}, {DType(b)});
      const DType expected = DType(table[size_t(zero_dim * 64 + a * 8 + b)]);
      EXPECT_EQ((x * y).dtype(), expected) << describe(x) << " with " << describe(y) << ": " << name_of((x * y).dtype()) << ", not " << name_of(expected);
      EXPECT_EQ((y * x).dtype(), expected);
      if (!zero_dim) { EXPECT_EQ(promote(DType(a), DType(b)), expected); }
    }
}
