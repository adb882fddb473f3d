#include "onnx_node.h"
// ONNX's ops in terms of mica's. The reference for the options: https://onnx.ai/onnx/operators
namespace mica::testing {
namespace {
using N = const Node&;

Tensor image(const Tensor& x) { return x.rank() == 3 ? unsqueeze(x, 2) : x; }
Tensor as(const Tensor& y, const Tensor& x) { return x.rank() == 3 ? squeeze(y, 2) : y; }
Pair symmetric(const std::vector<int64_t>& p) { return {int(p[2]), int(p[0])}; }
bool is_symmetric(const std::vector<int64_t>& p) { return p[0] == p[1] && p[2] == p[3]; }
// Padding that a pooling itself takes: the same before and after, and at most half the window.
bool is_plain(const std::vector<int64_t>& p, Pair window) { return is_symmetric(p) && 2 * p[0] <= window.w && 2 * p[2] <= window.h; }

Tensor conv(N n) {
  const Tensor x = image(n.x(0)), w = image(n.x(1));
  n.integers("kernel_shape");  // w has it
  const auto pads = n.padding(x, {int(w.size(2)), int(w.size(3))});
  op::Conv2d o{.stride = n.pair("strides", 1), .dilation = n.pair("dilations", 1), .groups = n.get("group", 1)};
  if (is_symmetric(pads)) o.padding = symmetric(pads);
  return as(conv2d(is_symmetric(pads) ? x : pad(x, pads), w, n.x(2), o), n.x(0));
}

Tensor max_pool(N n) {
  const Tensor x = image(n.x(0));
  op::MaxPool2d o{.window = n.pair("kernel_shape", 1), .stride = n.pair("strides", 1), .dilation = n.pair("dilations", 1), .ceil = n.flag("ceil_mode")};
  const auto pads = n.padding(x, o.window);
  if (is_plain(pads, o.window)) o.padding = symmetric(pads);
  return as(max_pool2d(is_plain(pads, o.window) ? x : pad(x, pads, -HUGE_VAL), o), n.x(0));
}

Tensor average_pool(N n) {
  const Tensor x = image(n.x(0));
  op::AvgPool2d o{.window = n.pair("kernel_shape", 1), .stride = n.pair("strides", 1), .ceil = n.flag("ceil_mode"), .count_padding = n.flag("count_include_pad")};
  const auto pads = n.padding(x, o.window);
  if (is_plain(pads, o.window)) { o.padding = symmetric(pads); return as(avg_pool2d(x, o), n.x(0)); }
  if (o.count_padding) return as(avg_pool2d(pad(x, pads), o), n.x(0));
  return as(avg_pool2d(pad(x, pads), o) / avg_pool2d(pad(ones_like(x), pads), o), n.x(0));  // the mean over what is not padding
}

Outputs normalise_batch(N n) {
  const bool training = n.flag("training_mode");
  const double kept = n.get("momentum", 0.9);
  n.get("is_test", 0), n.get("spatial", 1);  // of older versions
  const Tensor x = n.x(0), mean = clone(n.x(3)), var = clone(n.x(4));
  const Tensor y = batch_norm(x, n.x(1), n.x(2), mean, var, {.training = training, .momentum = 1 - kept, .eps = n.get("epsilon", 1e-5)});
  if (!training) return {y};
  const double count = double(x.size() / x.size(1));  // mica's running variance takes the unbiased variance of the batch, as PyTorch's; ONNX's the biased
  return {y, mean, n.x(4) * kept + (var - n.x(4) * kept) * ((count - 1) / count)};
}

Outputs normalise_layer(N n) {
  const Tensor x = n.x(0);
  const int axis = dim_of(x.shape(), n.axis(-1));
  const double eps = n.get("epsilon", 1e-5);
  Shape dims;
  for (int i = axis; i < x.rank(); ++i) dims.push_back(i);
  return {layer_norm(x, n.x(1), n.x(2), {.dims = x.rank() - axis, .eps = eps}), mean(x, {dims, true}), rsqrt(var(x, {.dims = dims, .keepdim = true, .correction = 0}) + eps)};
}

Tensor gemm(N n) {
  n.flag("broadcast");  // of an older version
  const Tensor a = n.flag("transA") ? transpose(n.x(0), 0, 1) : n.x(0), b = n.flag("transB") ? transpose(n.x(1), 0, 1) : n.x(1);
  const Tensor y = matmul(a, b) * n.get("alpha", 1.0);
  return n.x(2) ? y + n.x(2) * n.get("beta", 1.0) : y;
}

// ids below 0 count from the end.
Tensor counted(const Tensor& ids, int64_t size) { return where(ids < 0, ids + size, ids); }

Tensor gather_rows(N n) {
  const int axis = dim_of(n.x(0).shape(), n.axis(0));
  const Tensor ids = counted(n.x(1), n.x(0).size(axis));
  Shape shape;
  for (int i = 0; i < axis; ++i) shape.push_back(n.x(0).size(i));
  for (int64_t size : ids.shape()) shape.push_back(size);
  for (int i = axis + 1; i < n.x(0).rank(); ++i) shape.push_back(n.x(0).size(i));
  return reshape(index_select(n.x(0), axis, reshape(ids, {-1})), shape);
}

Tensor one_hot_of(N n) {
  const int64_t depth = n.x(1).item_i64();
  const Tensor ids = cast(n.x(0), i64), hot = one_hot(counted(ids, depth), depth, boolean);
  const Tensor y = where(hot, n.x(2)[1], n.x(2)[0]);
  const int last = y.rank() - 1, axis = dim_of(y.shape(), n.axis(-1));
  Shape order;
  for (int i = 0; i < last; ++i) order.push_back(i);
  order.insert(axis, last);
  return permute(y, order);
}

Tensor pad_of(N n) {
  const std::string mode = n.get<std::string>("mode", "constant");
  auto pads = n.integers(1);
  if (pads.empty()) pads = n.integers("pads");
  std::vector<int64_t> axes = n.integers(3), amounts(size_t(2 * n.x(0).rank()));
  if (axes.empty()) for (int i = 0; i < n.x(0).rank(); ++i) axes.push_back(i);
  for (size_t i = 0; i < axes.size(); ++i) {
    const size_t at = size_t(2 * (n.x(0).rank() - 1 - dim_of(n.x(0).shape(), int(axes[i]))));
    amounts[at] = pads[i], amounts[at + 1] = pads[i + axes.size()];
  }
  const double value = n.x(2) ? n.x(2).item() : n.get("value", 0.0);
  if (mode == "constant") return pad(n.x(0), amounts, value);
  if (mode != "edge" && mode != "reflect") throw Error("padding: " + mode);
  while (amounts.size() > 2 && amounts[amounts.size() - 1] == 0 && amounts[amounts.size() - 2] == 0) amounts.resize(amounts.size() - 2);
  return pad(n.x(0), amounts, mode == "edge" ? PadMode::replicate : PadMode::reflect);
}

Tensor reshape_to(N n) {
  Shape shape = n.axes(1);
  if (!n.flag("allowzero")) for (int i = 0; i < shape.rank(); ++i) if (shape[i] == 0) shape[i] = n.x(0).size(i);
  return reshape(n.x(0), shape);
}

Tensor slice_of(N n) {
  Tensor y = n.x(0);
  const auto starts = n.integers(1), stops = n.integers(2), axes = n.integers(3), steps = n.integers(4);
  for (size_t i = 0; i < starts.size(); ++i) y = slice(y, axes.empty() ? int(i) : int(axes[i]), starts[i], stops[i], steps.empty() ? 1 : steps[i]);
  return y;
}

Outputs split_into(N n) {
  const int axis = n.axis(0);
  auto sizes = n.integers(1);
  const int parts = n.get("num_outputs", n.outputs);
  if (sizes.empty()) return chunk(n.x(0), parts, axis);
  Outputs y;
  int64_t start = 0;
  for (int64_t size : sizes) { y.push_back(slice(n.x(0), axis, start, start + size)); start += size; }
  return y;
}

Tensor unsqueeze_all(N n) {
  Tensor y = n.x(0);
  std::vector<int64_t> axes = n.integers(1);
  for (int64_t& axis : axes) if (axis < 0) axis += n.x(0).rank() + int64_t(axes.size());
  std::sort(axes.begin(), axes.end());
  for (int64_t axis : axes) y = unsqueeze(y, int(axis));
  return y;
}

Outputs top(N n) {
  const int64_t k = n.x(1).item_i64();
  const int axis = n.axis(-1);
  n.flag("sorted");
  if (n.flag("largest", true)) { const Sorted s = topk(n.x(0), k, axis); return {s.values, s.indices}; }
  const Sorted s = sort(n.x(0), {.dim = axis});
  return {slice(s.values, axis, 0, k), slice(s.indices, axis, 0, k)};
}

Tensor cumulative(N n) {
  const int axis = dim_of(n.x(0).shape(), int(n.x(1).item_i64()));
  const bool back = n.flag("reverse");
  const Tensor x = back ? flip(n.x(0), {axis}) : n.x(0);
  const Tensor y = n.flag("exclusive") ? cumsum(x, axis) - x : cumsum(x, axis);
  return back ? flip(y, {axis}) : y;
}

Reduction reduction_of(N n) {
  const std::string name = n.get<std::string>("reduction", "mean");
  return name == "mean" ? Reduction::mean : name == "sum" ? Reduction::sum : Reduction::none;
}

DType dtype_of_onnx(int id) { return id == 1 ? f32 : id == 10 ? f16 : id == 11 ? f64 : throw Error("dtype " + std::to_string(id)); }

// A fold over dimensions; without any it is over all, or none at all with noop_with_empty_axes.
template <class F> OnnxOp fold(F f) {
  return {[f](N n) -> Outputs {
    const Reduce over{n.axes(1), n.flag("keepdims", true)};
    const bool none = n.flag("noop_with_empty_axes") && over.dims.rank() == 0;
    if (!over.keepdim || over.dims.rank() > 0) return {none ? n.x(0) : f(n.x(0), over)};
    Shape all;
    for (int i = 0; i < n.x(0).rank(); ++i) all.push_back(i);
    return {none ? n.x(0) : f(n.x(0), Reduce{all, true})};
  }, true};
}
OnnxOp one(Tensor (*f)(const Tensor&)) { return {[f](N n) { return Outputs{f(n.x(0))}; }}; }
OnnxOp two(Tensor (*f)(const Tensor&, const Tensor&)) { return {[f](N n) { return Outputs{f(n.x(0), n.x(1))}; }}; }
template <class F> OnnxOp call(F f, bool sums = false) {
  if constexpr (std::is_same_v<std::invoke_result_t<F, N>, Outputs>) return {f, sums};
  else return {[f](N n) { return Outputs{f(n)}; }, sums};
}
OnnxOp many(Tensor (*f)(const Tensor&, const Tensor&)) {
  return call([f](N n) {
    Tensor y = n.x(0);
    for (int i = 1; n.x(i); ++i) y = f(y, n.x(i));
    return y;
  });
}
OnnxOp place(Tensor (*f)(const Tensor&, int)) {
  return call([f](N n) {
    const bool last = n.flag("select_last_index");  // of equal ones
    const int64_t size = n.x(0).size(n.axis(0));
    const Tensor y = last ? size - 1 - f(flip(n.x(0), {n.axis(0)}), n.axis(0)) : f(n.x(0), n.axis(0));
    return n.flag("keepdims", true) ? unsqueeze(y, dim_of(n.x(0).shape(), n.axis(0))) : y;
  });
}
}  // namespace

const std::map<std::string, OnnxOp>& onnx_ops() {
  static const std::map<std::string, OnnxOp> ops = {
      {"Abs", one(abs)}, {"Ceil", one(ceil)}, {"Cos", one(cos)}, {"Exp", one(exp)}, {"Floor", one(floor)}, {"HardSwish", one(hard_swish)}, {"Identity", one(identity)},
      {"IsNaN", one(isnan)}, {"Log", one(log)}, {"Neg", one(negative)}, {"Not", one(logical_not)}, {"Reciprocal", one(reciprocal)}, {"Relu", one(relu)},
      {"Round", one(round)}, {"Sigmoid", one(sigmoid)}, {"Sign", one(sign)}, {"Sin", one(sin)}, {"Softplus", call([](N n) { return softplus(n.x(0)); })},
      {"Softsign", one(softsign)}, {"Sqrt", one(sqrt)}, {"Tanh", one(tanh)},
      {"Add", two(add)}, {"And", two(logical_and)}, {"Div", two(divide)}, {"Equal", two(operator==)}, {"Greater", two(operator>)}, {"GreaterOrEqual", two(operator>=)},
      {"Less", two(operator<)}, {"LessOrEqual", two(operator<=)}, {"Mul", two(multiply)}, {"Or", two(logical_or)}, {"Pow", two(pow)}, {"Sub", two(subtract)},
      {"Xor", two(logical_xor)}, {"Max", many(maximum)}, {"Min", many(minimum)}, {"Sum", many(add)},
      {"Mean", call([](N n) { return many(add).run(n)[0] / double(n.all().size()); })},
      {"Clip", call([](N n) { return clamp(n.x(0), {.min = n.x(1) ? n.x(1).item() : -HUGE_VAL, .max = n.x(2) ? n.x(2).item() : HUGE_VAL}); })},
      {"Elu", call([](N n) { return elu(n.x(0), {.alpha = n.get("alpha", 1.0)}); })},
      {"LeakyRelu", call([](N n) { return leaky_relu(n.x(0), {.slope = n.get("alpha", 0.01)}); })},
      {"Gelu", call([](N n) { return n.get<std::string>("approximate", "none") == "tanh" ? gelu_tanh(n.x(0)) : gelu(n.x(0)); })},
      {"Swish", call([](N n) { return n.get("alpha", 1.0) == 1 ? silu(n.x(0)) : Tensor(); })},
      {"Cast", call([](N n) { n.get("saturate", 1); return cast(n.x(0), dtype_of_onnx(n.get("to", 0))); })},
      {"Where", call([](N n) { return where(n.x(0), n.x(1), n.x(2)); })},
      {"Softmax", call([](N n) { return softmax(n.x(0), n.axis(-1)); }, true)},
      {"LogSoftmax", call([](N n) { return log_softmax(n.x(0), n.axis(-1)); }, true)},
      {"MatMul", {two(matmul).run, true}}, {"Gemm", call(gemm, true)}, {"Conv", call(conv, true)},
      {"MaxPool", call(max_pool)}, {"AveragePool", call(average_pool, true)},
      {"GlobalMaxPool", call([](N n) { return adaptive_max_pool2d(n.x(0), 1); })},
      {"GlobalAveragePool", call([](N n) { return unsqueeze(unsqueeze(global_avg_pool2d(n.x(0)), -1), -1); }, true)},
      {"BatchNormalization", call(normalise_batch, true)}, {"LayerNormalization", call(normalise_layer, true)},
      {"Dropout", call([](N n) {  // in use, or with nothing to drop
        Dropout module(n.x(1) ? n.x(1).item() : n.get("ratio", 0.5));
        n.get("seed", 0);
        module.training = n.x(2) && n.x(2).item() != 0;
        return module(n.x(0));
      })},
      {"ReduceSum", fold(sum)}, {"ReduceMean", fold(mean)}, {"ReduceMax", fold(max)}, {"ReduceMin", fold(min)}, {"ReduceLogSumExp", fold(logsumexp)},
      {"ReduceL1", fold([](const Tensor& x, Reduce over) { return norm(x, {.p = 1, .dims = over.dims, .keepdim = over.keepdim}); })},
      {"ReduceL2", fold([](const Tensor& x, Reduce over) { return norm(x, {.p = 2, .dims = over.dims, .keepdim = over.keepdim}); })},
      {"ReduceLogSum", fold([](const Tensor& x, Reduce over) { return log(sum(x, over)); })},
      {"ReduceSumSquare", fold([](const Tensor& x, Reduce over) { return sum(square(x), over); })},
      {"ArgMax", place(argmax)}, {"ArgMin", place(argmin)}, {"CumSum", call(cumulative, true)}, {"TopK", call(top)},
      {"Concat", call([](N n) { return cat(n.all(), n.axis(0)); })}, {"Split", call(split_into)}, {"Pad", call(pad_of)}, {"Slice", call(slice_of)},
      {"Compress", call([](N n) {
        const bool flat = n.get("axis", 99) == 99;
        return index_select(flat ? reshape(n.x(0), {-1}) : n.x(0), flat ? 0 : n.axis(0), flatnonzero(n.x(1)));
      })},
      {"Gather", call(gather_rows)}, {"GatherElements", call([](N n) { return gather(n.x(0), n.axis(0), counted(n.x(1), n.x(0).size(n.axis(0)))); })},
      {"OneHot", call(one_hot_of)},
      {"EyeLike", call([](N n) {
        const int64_t k = n.get("k", 0);
        const DType dtype = n.get("dtype", 0) ? dtype_of_onnx(n.get("dtype", 0)) : n.x(0).dtype();
        return slice(eye(n.x(0).size(0) + k, n.x(0).size(1), {dtype}), 0, k);
      })},
      {"Range", call([](N n) { return is_float(n.x(0).dtype()) ? arange(n.x(0).item(), n.x(1).item(), n.x(2).item(), {n.x(0).dtype()})
                                                                : arange(n.x(0).item_i64(), n.x(1).item_i64(), n.x(2).item_i64(), {n.x(0).dtype()}); })},
      {"Trilu", call([](N n) { return (n.flag("upper", true) ? triu : tril)(n.x(0), n.x(1) ? n.x(1).item_i64() : 0); })},
      {"Reshape", call(reshape_to)}, {"Unsqueeze", call(unsqueeze_all)},
      {"Flatten", call([](N n) {
        Shape first, rest = n.x(0).shape();
        for (int i = n.axis(1) < 0 ? n.axis(1) + n.x(0).rank() : n.axis(1); i > 0; --i) { first.push_back(rest[0]); rest.erase(0); }
        return reshape(n.x(0), {first.count(), rest.count()});
      })},
      {"Squeeze", call([](N n) {
        Tensor y = n.x(0);
        for (int64_t axis : n.integers(1)) y = squeeze(y, int(axis));
        return y;
      })},
      {"Expand", call([](N n) { return expand(n.x(0), broadcast(n.x(0).shape(), n.axes(1))); })},
      {"Transpose", call([](N n) {
        const auto perm = n.integers("perm");
        Shape order(perm);
        if (perm.empty()) for (int i = n.x(0).rank(); i-- > 0;) order.push_back(i);
        return permute(n.x(0), order);
      })},
      {"NegativeLogLikelihoodLoss", call([](N n) {
        return nll(n.x(0), n.x(1), {.weight = n.x(2), .ignore_index = n.get<int64_t>("ignore_index", INT64_MIN), .reduction = reduction_of(n)});
      }, true)},
      {"SoftmaxCrossEntropyLoss", call([](N n) {
        Outputs y{cross_entropy(n.x(0), n.x(1), {.weight = n.x(2), .ignore_index = n.get<int64_t>("ignore_index", INT64_MIN), .reduction = reduction_of(n)})};
        if (n.outputs == 2) y.push_back(log_softmax(n.x(0), 1));
        return y;
      }, true)},
  };
  return ops;
}

}  // namespace mica::testing
