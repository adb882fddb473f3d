#include <queue>
#include <unordered_map>
#include "mica/core/autograd_internal.h"
#include "mica/core/kernels.h"
#include "mica/core/observer.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/recorder.h"
#include "mica/core/shadow.h"
// The tape and its walk: all that ops have in common. Nothing here knows any op but the change of layout.
namespace mica {

Call::Call(const Info& info) : info(info) {}
Call::~Call() = default;

std::string module_path(const Call& call) {
  for (const Tensor& x : call.x) {
    if (!x || !x.body().leaf || x.body().leaf->path.empty()) continue;
    const std::string& path = x.body().leaf->path;
    const size_t dot = path.rfind('.');
    return dot == std::string::npos ? "" : path.substr(0, dot);
  }
  return "";
}

namespace {
constinit thread_local Observer* observing = nullptr;

uint64_t next_sequence() { static std::atomic<uint64_t> n{0}; return n.fetch_add(1, std::memory_order_relaxed) + 1; }
uint64_t version(const Tensor& x) { return x.body().storage->version.load(std::memory_order_relaxed); }
Layout layout_of(const Arg& arg) { return arg.flags & channels_last ? Layout::channels_last : Layout::row_major; }

// name: what / in module.path / argument: f32[2, 3] on cpu ...
void add_context(Error& e, const Call& call) {
  std::string text = std::string(call.info.name) + ": " + e.what();
  const std::string path = module_path(call);
  std::vector<std::pair<std::string, std::string>> lines;
  size_t widest = 0;
  for (size_t i = 0; i < call.x.size(); ++i) {
    if (!call.x[i]) continue;
    std::string name = call.info.input(i).name;
    if (call.info.list) name += "[" + std::to_string(i) + "]";
    widest = std::max(widest, name.size());
    lines.emplace_back(name, describe(call.x[i]));
  }
  if (!path.empty()) text += "\n  in " + path;
  for (auto& [name, value] : lines) text += "\n  " + name + ":" + std::string(widest - name.size() + 1, ' ') + value;
  e.complete(text);
}

bool wanted(const Call& call, size_t i) { return call.x[i].requires_grad() && !(call.info.input(i).flags & no_gradient); }

// Finds the device of the inputs, and whether a gradient of any is wanted.
Device check_inputs(const Call& call, bool& any_wanted) {
  const Tensor* first = nullptr;
  for (size_t i = 0; i < call.x.size(); ++i) {
    const Tensor& x = call.x[i];
    if (!x) {
      if (call.info.input(i).flags & optional) continue;
      throw Error(std::string(call.info.input(i).name) + " is undefined");
    }
    if (!first) first = &x;
    else if (x.device() != first->device()) throw Error("the arguments are on different devices");
    any_wanted |= wanted(call, i);
  }
  if (!first) throw Error("there is no input");
  return first->device();
}

bool fits(const Tensor& x, const Arg& arg) { return arg.flags & strided || x.has_layout(layout_of(arg)); }

// While one lives, kernels find the `shadowed` input in its compute type.
class Shadowed {
 public:
  explicit Shadowed(Call& call) {
    if (call.info.shadowed < 0) return;
    Tensor& x = call.x[size_t(call.info.shadowed)];
    if (!x || !x.body().storage || compute_type(x) == x.dtype()) return;
    const Arg& arg = call.info.input(size_t(call.info.shadowed));
    Tensor shadow = in_compute_type(x);
    if (!fits(shadow, arg)) shadow = contiguous(shadow, layout_of(arg));
    whole_ = std::exchange(x, std::move(shadow));
    x_ = &x;
  }
  ~Shadowed() { if (x_) *x_ = std::move(whole_); }
  Shadowed(const Shadowed&) = delete;
 private:
  Tensor* x_ = nullptr;
  Tensor whole_;
};

// Puts the call on the tape. It keeps outputs as detached handles, so that it does not own itself, and of what is not saved only metadata.
void record(const Ref<Call>& call, std::span<Tensor> y) {
  call->sequence = next_sequence();
  for (size_t i = 0; i < call->x.size(); ++i) {
    Tensor& x = call->x[i];
    if (!x) continue;
    if (call->info.input(i).flags & saved) { call->versions[i] = version(x); continue; }
    if (x.requires_grad() && x.is_leaf()) continue;  // a leaf is kept to find its gradient again
    Tensor kept = metadata(x);
    kept.body().requires_grad = x.requires_grad(); kept.body().call = x.body().call; kept.body().slot = x.body().slot;
    x = kept;
  }
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = call->y[i];
    const bool keep = call->info.outputs[i].flags & saved;
    if (keep) call->versions[call->x.size() + i] = version(y[i]);
    call->y[i] = keep ? y[i].detach() : metadata(y[i]);
    if (!is_float(y[i].dtype())) continue;
    if (call->info.is_view && y[i].same(call->x[i])) throw Error("a view returned its input");
    y[i].body().requires_grad = true; y[i].body().call = call; y[i].body().slot = uint8_t(i);
  }
}
}  // namespace

Observer::Observer() : before_(std::exchange(observing, this)) {}
Observer::~Observer() { observing = before_; }

Tensor make_output(const Spec& spec, const Arg& arg, Device device) {
  Tensor y = empty(spec.shape, {spec.dtype, device}, layout_of(arg));
  if (spec.strides) y.body().strides = *spec.strides;
  return y;
}

void run(const Ref<Call>& call, std::span<Tensor> y) {
  const Info& info = call->info;
  bool tape = false;
  try {
    const Device device = check_inputs(*call, tape);
    if (device == cpu) cannot_record("works on the CPU");
    const Context on = context(device);
    for (const Tensor& x : call->x) use(on, x);
    if (!call->runs_on(on)) throw Error(std::string("no kernel for ") + std::visit([](auto& c) { return c.name; }, on));
    {
      const Shadowed shadow(*call);
      if (!info.is_view) {
        call->make_outputs(device);
        for (size_t i = 0; i < call->x.size(); ++i)
          if (call->x[i] && !fits(call->x[i], info.input(i))) call->x[i] = contiguous(call->x[i], layout_of(info.input(i)));
      }
      call->forward(on);
    }
    if (observing) observing->ran(*call);
  } catch (Error& e) {
    if (!e.complete()) add_context(e, *call);
    throw;
  }
  if (tape && grad_enabled()) record(call, y); else std::move(call->y.begin(), call->y.end(), y.begin());
}

// Deleting a call drops its inputs, which may drop the calls that made them: a list in place of recursion.
void destroy(Call* call) {
  constinit thread_local Call* list = nullptr;
  constinit thread_local bool busy = false;
  call->next = std::exchange(list, call);
  if (busy) return;
  busy = true;
  while (list) { Call* c = list; list = c->next; delete c; }
  busy = false;
}

namespace {
Tensor run_hook(const Hook& hook, Tensor gradient) {
  Tensor changed = hook(gradient);
  if (!changed) return gradient;
  if (changed.shape() != gradient.shape() || changed.dtype() != gradient.dtype() || changed.device() != gradient.device())
    throw Error("a gradient hook returned " + describe(changed) + " in place of " + describe(gradient));
  return changed;
}

// One backward pass.
class Walk {
 public:
  Walk(const Tensor& root, const Tensor& dy, BackwardOptions options) : options_(options) { deposit(root, dy); }
  ~Walk() {  // also after an exception: nothing of this pass stays in the graph
    for (; !queue_.empty(); queue_.pop()) { queue_.top()->queued = false; for (Tensor& d : queue_.top()->dy) d = {}; }
  }
  void run() {
    while (!queue_.empty()) {
      Ref<Call> call = queue_.top();
      queue_.pop();
      call->queued = false;
      try { step(*call); }
      catch (Error& e) { if (!e.complete()) add_context(e, *call); throw; }
    }
    for (auto& [body, arrived] : hooked_) {
      Tensor gradient = std::move(arrived.gradient);
      const auto hooks = leaf_of(arrived.leaf).hooks;  // a copy: a hook may remove itself
      for (auto& [id, hook] : hooks) gradient = run_hook(hook, std::move(gradient));
      into_leaf(arrived.leaf, std::move(gradient));
    }
  }

 private:
  struct Arrived { Tensor leaf, gradient; };
  struct Earlier { bool operator()(const Ref<Call>& a, const Ref<Call>& b) const { return a->sequence < b->sequence; } };

  // Whether g may be added to in place: nobody else sees its memory, and its elements do not share any (a sum's dx is dy, expanded).
  static bool writable(const Tensor& g) {
    for (int i = 0; i < g.rank(); ++i) if (g.strides()[i] == 0 && g.shape()[i] > 1) return false;
    return g.sole_owner();
  }
  // Adds dx to g: in place only where nobody else sees the memory (an op may return one tensor as da, db and dy).
  static void accumulate(Tensor& g, Tensor dx) {
    if (!g) { g = std::move(dx); return; }
    if (!writable(g)) g = clone(g);
    add_into(g, dx);
  }
  static void into_leaf(const Tensor& x, Tensor dx) {
    Leaf& leaf = leaf_of(x);
    std::lock_guard lock(leaf.mutex);
    if (leaf.grad) return accumulate(leaf.grad, std::move(dx));
    if (dx.sole_owner() && same_order(x.shape(), dx.strides(), packed_like(x))) {
      leaf.grad = std::move(dx);
    } else {
      leaf.grad = empty_like(x);
      copy_into(leaf.grad, dx);
    }
  }
  void deposit(const Tensor& x, Tensor dx) {
    if (const Ref<Call>& call = x.body().call) {
      enqueue(call);
      accumulate(call->dy[x.body().slot], std::move(dx));
    } else if (x.body().leaf && !x.body().leaf->hooks.empty()) {
      Arrived& arrived = hooked_[&x.body()];
      arrived.leaf = x;
      accumulate(arrived.gradient, std::move(dx));
    } else {
      into_leaf(x, std::move(dx));
    }
  }
  void enqueue(const Ref<Call>& call) {
    if (call->queued) return;
    call->queued = true;
    queue_.push(call);
  }
  // dy is added into view(gradient of x).
  void deposit_view(const Call& call, const Tensor& dy) {
    const Tensor& x = call.x[0];
    auto add = [&](Tensor& g) {
      if (!g) { g = empty_like(x); fill_into(g, 0); }
      else if (!writable(g)) g = clone(g);
      add_into(call.view(g), dy);
    };
    if (const Ref<Call>& from = x.body().call) { enqueue(from); add(from->dy[x.body().slot]); return; }
    Leaf& leaf = leaf_of(x);
    if (!leaf.hooks.empty()) { Arrived& arrived = hooked_[&x.body()]; arrived.leaf = x; add(arrived.gradient); return; }
    std::lock_guard lock(leaf.mutex);
    add(leaf.grad);
  }
  static void fill_into(const Tensor& x, Scalar value) { std::visit([&](const auto& on) { fill_kernel(on, value, x); }, context_of(x)); }

  static void check_versions(const Call& call) {
    for (size_t i = 0; i < call.versions.size(); ++i) {
      const bool is_x = i < call.x.size();
      const size_t j = is_x ? i : i - call.x.size();
      const Arg& arg = is_x ? call.info.input(j) : call.info.outputs[j];
      const Tensor& t = is_x ? call.x[j] : call.y[j];
      if (t && (arg.flags & saved) && version(t) != call.versions[i])
        throw Error(std::string("backward needs ") + arg.name + " as it was, but " + t.body().storage->writer + " has written to it since");
    }
  }

  void step(Call& call) {
    if (call.spent) throw Error("backward a second time: what it saved is released; pass {.retain_graph = true} to the first backward");
    check_versions(call);
    const size_t n = call.x.size();
    slots_.clear();
    slots_.resize(call.dy.size() + 2 * n);
    const std::span<Tensor> dx(slots_.data(), n), whole(slots_.data() + n, n), dy(slots_.data() + 2 * n, call.dy.size());
    for (size_t i = 0; i < dy.size(); ++i) dy[i] = std::move(call.dy[i]);
    if (call.hooks)
      for (auto& [slot, id, hook] : std::vector(call.hooks->entries)) if (dy[slot]) dy[slot] = run_hook(hook, std::move(dy[slot]));
    if (call.info.is_view && !call.info.has_unview) {
      deposit_view(call, dy[0]);
    } else {
      for (size_t i = 0; i < dy.size(); ++i)
        if (dy[i] && !fits(dy[i], call.info.outputs[i])) dy[i] = contiguous(dy[i], layout_of(call.info.outputs[i]));
      for (size_t i = 0; i < n; ++i) {
        Tensor& x = call.x[i];
        if (!x) continue;
        const Arg& arg = call.info.input(i);
        if (wanted(call, i) && !call.info.is_view) {
          if (arg.flags & binds) dx[i] = metadata(x);
          else if (arg.flags & strided) dx[i] = empty_like(x);
          else dx[i] = empty(x.shape(), {x.dtype(), x.device()}, layout_of(arg));
        }
        if (!(arg.flags & saved) && x.body().storage) whole[i] = std::exchange(x, metadata(x));  // a leaf, put back after backward
      }
      const Context on = context(call.y[0].device());
      for (const auto tensors : {std::span<const Tensor>(call.x), std::span<const Tensor>(call.y), std::span<const Tensor>(dy)}) for (const Tensor& t : tensors) use(on, t);
      try { const Shadowed shadow(call); call.backward(on, dy, dx); }
      catch (...) { restore(call, whole); throw; }
      restore(call, whole);
      for (Tensor& d : dy) d = {};  // a dx that was bound to it may then be its only owner
      for (size_t i = 0; i < n; ++i) {
        if (!call.x[i] || !wanted(call, i)) continue;
        if (!dx[i] || dx[i].shape() != call.x[i].shape() || !dx[i].body().storage)
          throw Error(std::string("backward made no gradient of ") + call.info.input(i).name + " of its shape");
        deposit(call.x[i], std::move(dx[i]));
      }
    }
    if (options_.retain_graph) return;
    call.spent = true;
    for (Tensor& t : call.x) t = {};
    for (Tensor& t : call.y) t = {};
  }
  static void restore(Call& call, std::span<Tensor> whole) {
    for (size_t i = 0; i < whole.size(); ++i) if (whole[i]) call.x[i] = std::move(whole[i]);
  }

  std::priority_queue<Ref<Call>, std::vector<Ref<Call>>, Earlier> queue_;  // the latest call first: all its dy have arrived
  std::unordered_map<const Body*, Arrived> hooked_;                        // leaves whose hooks wait for the complete gradient
  std::vector<Tensor> slots_;                                              // of one step: dx, leaves put aside, dy
  BackwardOptions options_;
};
}  // namespace

void Tensor::backward(BackwardOptions options) const {
  if (size() != 1) throw Error("backward without dy needs a single element, not " + describe(*this));
  backward(full(shape(), 1, {dtype(), device()}), options);
}

void Tensor::backward(const Tensor& dy, BackwardOptions options) const {
  if (!requires_grad()) throw Error("backward: the tensor does not require grad, nor does anything it was made from");
  if (dy.shape() != shape() || dy.device() != device()) throw Error("backward: dy is " + describe(dy) + ", the tensor is " + describe(*this));
  NoGrad no_grad;
  Walk(*this, dy.dtype() == dtype() ? dy : [&] { Tensor t = empty_like(dy, dtype()); copy_into(t, dy); return t; }(), options).run();
}

}  // namespace mica
