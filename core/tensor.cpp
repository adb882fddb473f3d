#include "mica/core/tensor.h"
#include "mica/core/autograd_internal.h"
#include "mica/core/borrow_internal.h"
#include "mica/core/kernels.h"

namespace mica {
namespace {
constinit thread_local bool grad_on = true;
std::atomic<int64_t> next_hook{1};

Tensor over(Ref<Storage> storage, const Shape& shape, const Strides& strides, TensorOptions options) {
  Body* b = new Body;
  b->shape = shape; b->strides = strides; b->dtype = options.dtype; b->device = options.device; b->storage = std::move(storage);
  return Tensor(b);
}
size_t checked_bytes(const Shape& shape, DType dtype) {
  int64_t bytes = int64_t(bytes_of(dtype));
  bool empty = false, overflows = false;
  for (int64_t n : shape) {
    if (n < 0) throw Error("sizes cannot be negative: " + to_string(shape));
    empty |= n == 0;
    overflows |= __builtin_mul_overflow(bytes, n, &bytes);
  }
  if (empty) return 0;
  if (overflows) throw Error("a tensor of shape " + to_string(shape) + " does not fit in 64 bits");
  return size_t(bytes);
}
void need_defined(const Tensor& x, const char* function, const char* name) {
  if (!x) throw Error(std::string(function) + ": " + name + " is undefined");
}
}  // namespace

bool grad_enabled() { return grad_on; }
NoGrad::NoGrad() : before_(grad_on) { grad_on = false; }
NoGrad::~NoGrad() { grad_on = before_; }

Body::Body() = default;
Body::~Body() = default;
void destroy(Body* b) { delete b; }
void destroy(Storage* s) {
  if (s->owned && s->device == cpu) release(Cpu{}, s->data, s->bytes);
#if MICA_HAS_CUDA
  else if (s->owned) release(Cuda{s->device.index, nullptr, s->queue}, s->data, s->bytes);
#endif
  delete s;
}

uint64_t new_version() {  // numbers are taken from the common counter 1024 at a time
  static std::atomic<uint64_t> last{0};
  constinit thread_local uint64_t next = 0, end = 0;
  if (next == end) { next = last.fetch_add(1024) + 1; end = next + 1024; }
  return next++;
}

Context context(Device d) {
  if (d.kind == Device::Cpu) return Cpu{};
#if MICA_HAS_CUDA
  return cuda_context(d.index);
#else
  throw Error("this build has no CUDA");
#endif
}

int64_t Tensor::size(int dim) const { return shape()[dim_of(shape(), dim)]; }

const void* Tensor::address(DType t) const {
  if (!body_) throw Error("the tensor is undefined");
  if (!body_->storage) throw Error("backward reads the data of a tensor that the op does not declare `saved`");
  if (t != body_->dtype) throw Error("data of " + describe(*this) + " read as " + name_of(t));
  return static_cast<char*>(body_->storage->data) + body_->offset * int64_t(bytes_of(t));
}
void* Tensor::address_mut(DType t) const {
  const void* p = address(t);
  written(*this, "data_mut", "a functional form");
  return const_cast<void*>(p);
}

const Tensor& Tensor::set_requires_grad(bool on) const {
  if (on && !is_float(dtype())) throw Error("only float tensors can require grad, not " + describe(*this));
  if (body_->call) throw Error("requires_grad is set on leaves only; use detach()");
  body_->requires_grad = on;
  return *this;
}
Leaf& leaf_of(const Tensor& x) {
  auto& leaf = x.body().leaf;
  if (!leaf) leaf = std::make_unique<Leaf>();
  return *leaf;
}
Tensor Tensor::grad() const {
  if (!body_->leaf) return {};
  return body_->leaf->kept ? *body_->leaf->kept : body_->leaf->grad;
}
void Tensor::set_grad(const Tensor& gradient) const {
  if (gradient && (gradient.shape() != shape() || gradient.dtype() != dtype() || gradient.device() != device()))
    throw Error("set_grad: the gradient is " + describe(gradient) + ", the tensor is " + describe(*this));
  if (body_->leaf && body_->leaf->kept) *body_->leaf->kept = gradient;
  else if (body_->leaf) body_->leaf->grad = gradient;
  else if (gradient) leaf_of(*this).grad = gradient;
}
int64_t Tensor::register_hook(Hook hook) const {
  if (!requires_grad()) throw Error("register_hook: the tensor does not require grad");
  const int64_t id = next_hook++;
  if (is_leaf()) leaf_of(*this).hooks.emplace_back(id, std::move(hook));
  else {
    auto& hooks = body_->call->hooks;
    if (!hooks) hooks = std::make_unique<OutputHooks>();
    hooks->entries.push_back({body_->slot, id, std::move(hook)});
  }
  return id;
}
void Tensor::remove_hook(int64_t id) const {
  if (is_leaf()) { if (body_->leaf) std::erase_if(body_->leaf->hooks, [&](auto& h) { return h.first == id; }); }
  else if (body_->call->hooks) std::erase_if(body_->call->hooks->entries, [&](auto& h) { return h.id == id; });
}
void Tensor::retain_grad() const {
  if (!requires_grad()) throw Error("retain_grad: the tensor does not require grad");
  if (is_leaf() || (body_->leaf && body_->leaf->kept)) return;
  auto kept = leaf_of(*this).kept = std::make_shared<Tensor>();
  register_hook([kept](const Tensor& dy) { *kept = clone(dy); return Tensor(); });
}

Tensor metadata(const Tensor& x) {
  Body* b = new Body;
  const Body& from = x.body();
  b->shape = from.shape; b->strides = from.strides; b->offset = from.offset; b->dtype = from.dtype; b->device = from.device;
  return Tensor(b);
}
Tensor alias(const Tensor& x, const Shape& shape, const Strides& strides, int64_t offset) {
  Tensor y = metadata(x);
  y.body().shape = shape; y.body().strides = strides; y.body().offset = offset; y.body().storage = x.body().storage;
  return y;
}
Tensor Tensor::detach() const {
  need_defined(*this, "detach", "the tensor");
  return alias(*this, shape(), strides(), body_->offset);
}
Tensor expand_alias(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = shape.rank() - x.rank();
  Strides strides = shape;
  for (int i = 0; i < shape.rank(); ++i) {
    if (i < extra && shape[i] < 0) throw Error("sizes cannot be negative: " + to_string(shape));
    if (i >= extra && x.shape()[i - extra] != shape[i] && (x.shape()[i - extra] != 1 || shape[i] < 0))
      throw Error("size " + std::to_string(x.shape()[i - extra]) + " does not expand to " + std::to_string(shape[i]));
    strides[i] = i < extra || (x.shape()[i - extra] == 1 && shape[i] != 1) ? 0 : x.strides()[i - extra];
  }
  if (extra < 0) throw Error(to_string(x.shape()) + " does not expand to " + to_string(shape));
  return alias(x, shape, strides, x.body().offset);
}

Tensor empty(const Shape& shape, TensorOptions options, Layout layout) {
  const size_t bytes = checked_bytes(shape, options.dtype);
  Ref<Storage> s(new Storage);
  s->owned = false;  // until there is memory
  std::visit([&]<class On>(const On& on) {
    s->data = acquire(on, bytes);
    if constexpr (std::is_same_v<On, Cuda>) s->queue = on.queue;
  }, context(options.device));
  s->owned = true;
  s->bytes = bytes; s->device = options.device; s->version = new_version();
  return over(std::move(s), shape, strides_of(shape, layout), options);
}
Tensor borrow_for(const char* function, void* data, const Shape& shape, const Strides* given, TensorOptions options, std::shared_ptr<const void> keeper) {
  const auto refuse = [&](const std::string& why) { throw Error(std::string(function) + ": " + why); };
  if (given && given->rank() != shape.rank()) refuse(std::to_string(given->rank()) + " strides for shape " + to_string(shape));
  const int64_t width = int64_t(bytes_of(options.dtype));
  const bool is_empty = checked_bytes(shape, options.dtype) == 0;
  const Strides strides = given && !is_empty ? *given : strides_of(shape);
  int64_t bytes = is_empty ? 0 : width;  // from the first element to the end of the last
  for (int i = 0; i < shape.rank() && !is_empty; ++i) {
    if (shape[i] == 1) continue;
    if (strides[i] < 0) refuse("dimension " + std::to_string(i) + " has stride " + std::to_string(strides[i]) + "; strides cannot be negative");
    int64_t step = 0;
    if (__builtin_mul_overflow(shape[i] - 1, strides[i], &step) || __builtin_mul_overflow(step, width, &step) || __builtin_add_overflow(bytes, step, &bytes))
      refuse("memory of shape " + to_string(shape) + " and strides " + to_string(strides) + " does not fit in 64 bits");
  }
  if (!data && bytes) refuse("the address is null");
  if (const uintptr_t beyond = reinterpret_cast<uintptr_t>(data) % uintptr_t(width); beyond && bytes)
    refuse("the address is not aligned for " + std::string(name_of(options.dtype)) + ": it is " + std::to_string(beyond) + " beyond a multiple of " + std::to_string(width));
  Ref<Storage> s(new Storage);
  s->data = data; s->bytes = size_t(bytes); s->device = options.device; s->owned = false; s->version = new_version();
  const Context on = context(options.device);
#if MICA_HAS_CUDA
  if (const Cuda* gpu = std::get_if<Cuda>(&on)) s->queue = gpu->queue;
#else
  (void)on;
#endif
  s->keeper = std::move(keeper);
  return over(std::move(s), shape, strides, options);
}
Tensor borrow(void* data, const Shape& shape, TensorOptions options, std::shared_ptr<const void> keeper) {
  return borrow_for("borrow", data, shape, nullptr, options, std::move(keeper));
}
Tensor borrow(void* data, const Shape& shape, const Strides& strides, TensorOptions options, std::shared_ptr<const void> keeper) {
  return borrow_for("borrow", data, shape, &strides, options, std::move(keeper));
}
Strides packed_like(const Tensor& x) { return is_packed(x.shape(), x.strides()) ? x.strides() : strides_of(x.shape()); }
Tensor empty_like(const Tensor& x, DType dtype) {
  Tensor y = empty(x.shape(), {dtype, x.device()});
  y.body().strides = packed_like(x);
  return y;
}
Tensor empty_like(const Tensor& x) {
  need_defined(x, "empty_like", "x");
  return empty_like(x, x.dtype());
}

void copy_into(const Tensor& y, const Tensor& x) {
  std::visit([&](const auto& on) { copy_kernel(on, x, y); }, y.device() == cpu ? context_of(x, y) : context_of(y, x));
}
void add_into(const Tensor& y, const Tensor& x) { std::visit([&](const auto& on) { add_kernel(on, y, x, y); }, context_of(y, x)); }
void sum_into(const Tensor& y, const Tensor& x) {
  Tensor same_rank = y;
  if (y.rank() < x.rank()) {
    Shape shape, strides;
    for (int i = 0; i < x.rank() - y.rank(); ++i) { shape.push_back(1); strides.push_back(0); }
    for (int i = 0; i < y.rank(); ++i) { shape.push_back(y.shape()[i]); strides.push_back(y.strides()[i]); }
    same_rank = alias(y, shape, strides, y.body().offset);
  }
  std::visit([&](const auto& on) { sum_kernel(on, x, same_rank); }, context_of(y, x));
}
void written(const Tensor& x, const char* op, const char* functional) {
  if (grad_on && x.requires_grad())
    throw Error(std::string(op) + ": x requires grad and in-place writes are not differentiated; use NoGrad, or " + functional + "\n  x: " + describe(x));
  x.body().storage->version.store(new_version(), std::memory_order_relaxed);
  x.body().storage->writer = op;
}
void exchange(const Tensor& x, const Tensor& data) {
  Body &b = x.body(), &d = data.body();
  b.strides = d.strides; b.offset = d.offset; b.dtype = d.dtype; b.device = d.device; b.storage = d.storage;
  if (b.leaf) b.leaf->grad = {};
}

void fill(const Tensor& x, Scalar value) {
  need_defined(x, "fill", "x");
  written(x, "fill", "full_like");
  std::visit([&](const auto& on) { fill_kernel(on, value, x); }, context_of(x));
}
void copy(const Tensor& from, const Tensor& to) {
  need_defined(from, "copy", "from");
  need_defined(to, "copy", "to");
  Tensor x;
  try { x = expand_alias(from, to.shape()); }
  catch (Error& e) { throw Error(std::string("copy: ") + e.what() + "\n  from: " + describe(from) + "\n  to:   " + describe(to)); }
  written(to, "copy", "slice_update");
  copy_into(to, x);
}
Tensor clone(const Tensor& x) {
  need_defined(x, "clone", "x");
  Tensor y = empty_like(x);
  copy_into(y, x);
  return y;
}
Tensor to(const Tensor& x, Device device) {
  need_defined(x, "to", "x");
  if (x.device() == device) return x;
  if (grad_on && x.requires_grad()) throw Error("to: gradients do not go from one device to another; detach x\n  x: " + describe(x));
  Tensor y = empty(x.shape(), {x.dtype(), device});
  y.body().strides = packed_like(x);
  copy_into(y, x);
  return y;
}
Tensor full(const Shape& shape, Scalar value, TensorOptions options) {
  Tensor x = empty(shape, options);
  std::visit([&](const auto& on) { fill_kernel(on, value, x); }, context(options.device));
  return x;
}
Tensor zeros(const Shape& shape, TensorOptions options) { return full(shape, 0, options); }
Tensor ones(const Shape& shape, TensorOptions options) { return full(shape, 1, options); }
Tensor full_like(const Tensor& x, Scalar value) {
  Tensor y = empty_like(x);
  std::visit([&](const auto& on) { fill_kernel(on, value, y); }, context(x.device()));
  return y;
}
Tensor zeros_like(const Tensor& x) { return full_like(x, 0); }
Tensor ones_like(const Tensor& x) { return full_like(x, 1); }
Tensor::Tensor(Scalar value) : Tensor(full({}, value, {value.dtype()})) {}

std::string describe(const Tensor& x) {
  if (!x) return "undefined";
  return name_of(x.dtype()) + to_string(x.shape()) + " on " + to_string(x.device());
}

namespace {
Tensor on_host(const Tensor& x) {
  if (x.device() == cpu) return x;
  Tensor y = empty(x.shape(), {x.dtype(), cpu});
  copy_into(y, x.detach());
  return y;
}
Tensor single(const Tensor& x) {
  if (!x) throw Error("item: the tensor is undefined");
  if (x.size() != 1) throw Error("item needs a single element, not " + describe(x));
  return on_host(x);
}
}  // namespace
double Tensor::item_as_double() const {
  const Tensor x = single(*this);
  double value = 0;
  dispatch(x.dtype(), [&]<class T>(T) { value = double(*x.data<T>()); });
  return value;
}
int64_t Tensor::item_i64() const {
  const Tensor x = single(*this);
  int64_t value = 0;
  dispatch(x.dtype(), [&]<class T>(T) { value = int64_t(*x.data<T>()); });
  return value;
}
template <class T> std::vector<T> Tensor::to_vector() const {
  using Element = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;  // std::vector<bool> has no addresses
  need_defined(*this, "to_vector", "the tensor");
  std::vector<Element> values(static_cast<size_t>(size()));
  const Tensor host = on_host(detach());
  if (!values.empty()) copy_into(borrow(static_cast<void*>(values.data()), shape(), {dtype_of<T>}), host);
  return std::vector<T>(values.begin(), values.end());
}
template <class T> Tensor from(std::span<const T> values, const Shape& shape, TensorOptions options) {
  if (int64_t(values.size()) != shape.count())
    throw Error("from: " + std::to_string(values.size()) + " values for shape " + to_string(shape) + ", which has " + std::to_string(shape.count()));
  Tensor x = empty(shape, {options.dtype, cpu});
  if (!values.empty()) copy_into(x, borrow(const_cast<T*>(values.data()), shape));
  if (options.device == cpu) return x;
  Tensor y = empty(shape, options);
  copy_into(y, x);
  return y;
}
template <class... T> struct Instances { static constexpr auto all = std::tuple{&Tensor::to_vector<T>..., static_cast<Tensor (*)(std::span<const T>, const Shape&, TensorOptions)>(&from<T>)...}; };
[[gnu::used]] extern constexpr auto tensor_instances = Instances<double, float, float16, bfloat16, int64_t, int32_t, uint8_t>::all;
template std::vector<bool> Tensor::to_vector<bool>() const;

Tensor tensor(std::initializer_list<double> values, TensorOptions options) {
  return from(std::span<const double>(values.begin(), values.size()), {int64_t(values.size())}, options);
}
Tensor tensor(std::initializer_list<std::initializer_list<double>> rows, TensorOptions options) {
  std::vector<double> values;
  const size_t width = rows.size() ? rows.begin()->size() : 0;
  for (auto& row : rows) {
    if (row.size() != width) throw Error("tensor: rows of " + std::to_string(width) + " and " + std::to_string(row.size()) + " values");
    values.insert(values.end(), row.begin(), row.end());
  }
  return from(std::span<const double>(values), {int64_t(rows.size()), int64_t(width)}, options);
}

}  // namespace mica
