#pragma once
#include <tuple>
#include "mica/core/contract.h"
#include "mica/core/kernels.h"
// For authors of ops. An op is an aggregate of options with
//
//   static constexpr auto name = "linear";
//   static constexpr Args<3> inputs{{{"x", saved}, {"weight", saved}, {"bias", optional}}};
//   static constexpr Args<1> outputs{{{"y"}}};
//   struct State { Tensor indices; };                        // only if forward leaves something for backward
//   Spec out(const Tensor& x, ...) const;                    // checks the inputs; std::array<Spec, n> for n outputs
//   void forward(const Cpu&, const Tensor& x, ..., Tensor& y, ... [, State&]) const;
//   void backward(const Cpu&, x..., y..., [const State&,] dy..., Tensor& dx...) const;
//
// and the same two for Cuda. backward finds dx uninitialised and overwrites it, or binds it to a tensor it has (dx = dy); an undefined dx
// is not wanted; an undefined dy is zero. Of tensors that are not `saved` backward sees only metadata. backward is left out only where
// all inputs are no_gradient. A list op takes std::span<const Tensor> and std::span<Tensor> dx. A view has `Tensor view(const Tensor& x)
// const` in place of out and forward, and `Tensor unview(const Tensor& x, const Tensor& dy) const`, without which dy is added into
// view(gradient of x). A mistake in the inputs is thrown as Error("one sentence"); the engine adds op, module path and arguments.
// An op that multiplies, or mixes positions of an image, may say so: Work work(const Tensor& x, ..., const Tensor& y, ...) const.
namespace mica {

struct Info {  // what the engine knows of an op
  const char* name;
  std::span<const Arg> inputs, outputs;
  bool list, is_view, has_unview;
  int shadowed;                          // which input is, or -1; an op has one at most
  const Arg& input(size_t i) const { return inputs[list ? 0 : i]; }
};

// One call of an op: its inputs and outputs, and on the tape also its gradients. OpCall below adds options and State.
struct Call : Counted, Pooled {
  const Info& info;
  uint64_t sequence = 0;                 // 0: not on the tape
  bool queued = false, spent = false;
  std::span<Tensor> x, y, dy;            // dy: gradients that have arrived so far
  std::span<uint64_t> versions;          // of x and y when saved
  std::unique_ptr<struct OutputHooks> hooks;
  Call* next = nullptr;                  // in the list of calls to delete

  explicit Call(const Info& info);
  virtual ~Call();
  virtual bool runs_on(const Context&) const = 0;
  virtual void make_outputs(Device) = 0;  // checks the inputs, allocates y
  virtual void forward(const Context&) = 0;
  virtual void backward(const Context&, std::span<const Tensor> dy, std::span<Tensor> dx) const = 0;
  virtual Tensor view(const Tensor&) const { return {}; }
  virtual Work work() const { return {}; }
};
Tensor make_output(const Spec& spec, const Arg& arg, Device device);
void run(const Ref<Call>& call, std::span<Tensor> y);  // engine.cpp: checks, layout, allocation, dispatch, error context, tape

namespace detail {
template <class Op, class On, class Args> constexpr bool has_forward = false;
template <class Op, class On, class... A>
constexpr bool has_forward<Op, On, std::tuple<A...>> = requires(const Op& op, const On& on, A... a) { op.forward(on, a...); };
template <class Op, class On, class Args> constexpr bool has_backward = false;
template <class Op, class On, class... A>
constexpr bool has_backward<Op, On, std::tuple<A...>> = requires(const Op& op, const On& on, A... a) { op.backward(on, a...); };

template <class Op> concept View = requires(const Op& op, const Tensor& x) { op.view(x); };
template <class Op> concept Unview = requires(const Op& op, const Tensor& x) { op.unview(x, x); };
template <class Op> concept List = requires(const Op& op, std::span<const Tensor> x) { op.out(x); };
template <class Op> struct StateOf { using type = std::tuple<>; };
template <class Op> requires requires { typename Op::State; } struct StateOf<Op> { using type = std::tuple<typename Op::State>; };

// A State is an aggregate of up to three tensors.
template <class S> void use_state(const Context& context, const S& state) {
  auto use_all = [&](const auto&... t) { (use(context, t), ...); };
  if constexpr (requires { S{Tensor(), Tensor(), Tensor()}; }) { const auto& [a, b, c] = state; use_all(a, b, c); }
  else if constexpr (requires { S{Tensor(), Tensor()}; }) { const auto& [a, b] = state; use_all(a, b); }
  else { const auto& [a] = state; use_all(a); }
}

template <class A> auto each_of(A& tensors) { return std::apply([](auto&... t) { return std::tie(t...); }, tensors); }
template <size_t n, class T> auto each_of(std::span<T> tensors) {
  return [&]<size_t... i>(std::index_sequence<i...>) { return std::tie(tensors[i]...); }(std::make_index_sequence<n>());
}

template <class Op> struct OpCall final : Call {
  static constexpr bool list = List<Op>;
  static constexpr size_t n_in = Op::inputs.size(), n_out = Op::outputs.size();
  static constexpr int shadowed_input = [] {
    int at = -1;
    for (size_t i = 0; i < n_in; ++i) if (Op::inputs[i].flags & shadowed) at = at < 0 ? int(i) : throw "op: only one input may be `shadowed`";
    return at;
  }();
  static constexpr Info op_info{Op::name, Op::inputs, Op::outputs, list, View<Op>, Unview<Op>, shadowed_input};
  static constexpr bool differentiable = [] {
    for (const Arg& a : Op::inputs) if (!(a.flags & no_gradient)) return true;
    return false;
  }();

  Op op;
  typename StateOf<Op>::type state;
  std::conditional_t<list, std::vector<Tensor>, std::array<Tensor, n_in>> xs;
  std::array<Tensor, n_out> ys, dys;
  std::conditional_t<list, std::vector<uint64_t>, std::array<uint64_t, n_in + n_out>> saved_versions{};

  OpCall(const Op& op, const auto&... in) : Call(op_info), op(op) {
    if constexpr (list) { (xs.assign(in.begin(), in.end()), ...); saved_versions.resize(xs.size() + n_out); }
    else xs = {in...};
    x = xs; y = ys; dy = dys; versions = saved_versions;
  }
  // The arguments of a kernel, each a tuple of references.
  auto inputs() const { if constexpr (list) return std::tuple{std::span<const Tensor>(xs)}; else return each_of(xs); }
  static auto gradients(std::span<Tensor> dx) { if constexpr (list) return std::tuple{dx}; else return each_of<n_in>(dx); }
  auto forward_args() { return std::tuple_cat(inputs(), each_of(ys), each_of(state)); }
  auto backward_args(std::span<const Tensor> dy, std::span<Tensor> dx) const {
    return std::tuple_cat(inputs(), each_of(ys), each_of(state), each_of<n_out>(dy), gradients(dx));
  }
  template <class On> static constexpr bool forward_on = has_forward<Op, On, decltype(std::declval<OpCall&>().forward_args())>;
  template <class On> static constexpr bool backward_on = has_backward<Op, On, decltype(std::declval<const OpCall&>().backward_args({}, {}))>;
  static void check_declarations() {
    static_assert(View<Op> || forward_on<Cpu>, "op: forward(const Cpu&, inputs..., Tensor& outputs... [, State&]) const is missing or does not fit `inputs` and `outputs`");
    static_assert(View<Op> || !differentiable || backward_on<Cpu>, "op: backward(const Cpu&, inputs..., outputs..., [const State&,] dy..., Tensor& dx...) const is missing or does not fit");
  }

  bool runs_on(const Context& context) const override {
    check_declarations();
    return std::visit([]<class On>(const On&) { return View<Op> || forward_on<On>; }, context);
  }
  void make_outputs(Device device) override {
    if constexpr (!View<Op>) {
      const auto specs = std::apply([&](const auto&... x) { return op.out(x...); }, inputs());
      if constexpr (n_out == 1) ys[0] = make_output(specs, Op::outputs[0], device);
      else for (size_t i = 0; i < n_out; ++i) ys[i] = make_output(specs[i], Op::outputs[i], device);
    }
  }
  void forward(const Context& context) override {
    if constexpr (View<Op>) ys[0] = op.view(xs[0]);
    else std::visit([&]<class On>(const On& on) {
      if constexpr (forward_on<On>) std::apply([&](auto&&... a) { op.forward(on, a...); }, forward_args());
    }, context);
  }
  void backward(const Context& context, std::span<const Tensor> dy, std::span<Tensor> dx) const override {
    if constexpr (Unview<Op>) dx[0] = op.unview(xs[0], dy[0]);
    else if constexpr (differentiable && !View<Op>) std::visit([&]<class On>(const On& on) {
      if constexpr (std::is_same_v<On, Cuda>) std::apply([&](const auto&... s) { (use_state(context, s), ...); }, state);
      if constexpr (backward_on<On>) std::apply([&](auto&&... a) { op.backward(on, a...); }, backward_args(dy, dx));
      else throw Error(std::string("no backward kernel for ") + On::name);
    }, context);
  }
  Work work() const override {
    return std::apply([&](const auto&... t) -> Work { if constexpr (requires { op.work(t...); }) return op.work(t...); else return {}; },
                      std::tuple_cat(inputs(), each_of(ys)));
  }
  Tensor view(const Tensor& t) const override { if constexpr (View<Op>) return op.view(t); else return {}; }
};
}  // namespace detail

// Calls the op: apply(op::Linear{}, x, weight, bias). A list op takes one range of tensors. Several outputs come as an array.
template <class Op, class... In> auto apply(const Op& op, const In&... x) {
  std::array<Tensor, Op::outputs.size()> y;
  run(Ref<Call>(new detail::OpCall<Op>(op, x...)), y);
  if constexpr (y.size() == 1) return std::move(y[0]); else return y;
}

// Calls f(T{}) with the C++ type of a dtype: any, or a float one.
template <class F> void dispatch(DType t, F&& f) {
  switch (t) {
    case f64: return f(double{});
    case f32: return f(float{});
    case f16: return f(float16{});
    case bf16: return f(bfloat16{});
    case i64: return f(int64_t{});
    case i32: return f(int32_t{});
    case u8: return f(uint8_t{});
    case boolean: return f(bool{});
  }
}
template <class F> void dispatch_float(DType t, F&& f) {
  switch (t) {
    case f64: return f(double{});
    case f32: return f(float{});
    case f16: return f(float16{});
    case bf16: return f(bfloat16{});
    default: throw Error(std::string("needs a float dtype, not ") + name_of(t));
  }
}
// The type in which a kernel computes: float for 16-bit storage, otherwise T.
template <class T> using Compute = std::conditional_t<std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>, float, T>;

}  // namespace mica
