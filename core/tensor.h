#pragma once
#include <span>
#include <vector>
#include "mica/core/body.h"

namespace mica {

class Tensor;
using Hook = std::function<Tensor(const Tensor& gradient)>;  // may return a tensor in place of the gradient, or an undefined one

struct BackwardOptions {
  bool retain_graph = false;  // keep what the graph saved, for another backward
};

// A handle to n-dimensional data on a device; copies share. Undefined when default constructed (tests false).
class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Body* body) : body_(body) {}
  Tensor(Scalar value);                                      // 0-d: f32, i64 or bool, as the C++ type says
  explicit operator bool() const { return bool(body_); }

  const Shape& shape() const { return body_->shape; }
  const Strides& strides() const { return body_->strides; }  // in elements
  DType dtype() const { return body_->dtype; }
  Device device() const { return body_->device; }
  int rank() const { return body_->shape.rank(); }
  int64_t size(int dim) const;                               // of one dimension; negative counts from the end
  int64_t size() const { return shape().count(); }           // number of elements
  size_t bytes() const { return size_t(size()) * bytes_of(dtype()); }
  bool has_layout(Layout layout) const { return mica::has_layout(shape(), strides(), layout); }
  bool is_contiguous() const { return has_layout(Layout::row_major); }

  // The first element. T must be the dtype's C++ type, or void. The const form is for reading; data_mut counts a write.
  template <class T> const T* data() const { return static_cast<const T*>(address(dtype_of<T>)); }
  template <class T> T* data_mut() const { return static_cast<T*>(address_mut(dtype_of<T>)); }

  template <class T = double> T item() const { return T(item_as_double()); }  // of a single element, copied to the host
  int64_t item_i64() const;                                                   // exact for all integers
  template <class T> std::vector<T> to_vector() const;                        // in logical order; T: the C++ type of any dtype, converted

  bool requires_grad() const { return body_ && body_->requires_grad; }
  const Tensor& set_requires_grad(bool on = true) const;     // of float leaves; throws Error for others
  bool is_leaf() const { return !body_->call; }
  Tensor grad() const;                                       // undefined if none has arrived
  void set_grad(const Tensor& gradient) const;               // an undefined one drops it
  void zero_grad() const { set_grad({}); }
  void retain_grad() const;                                  // keep the gradient of a tensor that is no leaf
  int64_t register_hook(Hook hook) const;                    // called with the gradient when it is complete; returns what remove_hook takes
  void remove_hook(int64_t id) const;
  void backward(BackwardOptions options = {}) const;         // of a single element
  void backward(const Tensor& dy, BackwardOptions options = {}) const;
  Tensor detach() const;                                     // same data, no history

  Tensor operator[](int64_t i) const;                        // a view of one entry of the first dimension
  Tensor operator[](const Tensor& index) const;              // bool: the rows (or elements) where true; integers: those rows. A copy

  Body& body() const { return *body_; }                      // for core/ and authors of ops
  bool same(const Tensor& o) const { return body_.get() == o.body_.get(); }  // the same tensor, not an equal one
  bool sole_owner() const { return body_.unique() && body_->storage && body_->storage.unique() && body_->storage->owned; }

 private:
  const void* address(DType) const;
  void* address_mut(DType) const;
  double item_as_double() const;
  Ref<Body> body_;
};

struct TensorOptions {
  DType dtype = f32;
  Device device = cpu;
};

// New tensors, row-major unless said otherwise.
Tensor empty(const Shape& shape, TensorOptions options = {}, Layout layout = Layout::row_major);  // uninitialised
Tensor full(const Shape& shape, Scalar value, TensorOptions options = {});
Tensor zeros(const Shape& shape, TensorOptions options = {});
Tensor ones(const Shape& shape, TensorOptions options = {});
Tensor empty_like(const Tensor& x);                          // shape, dtype, device and, where x is packed, strides of x
Tensor full_like(const Tensor& x, Scalar value);
Tensor zeros_like(const Tensor& x);
Tensor ones_like(const Tensor& x);
Tensor clone(const Tensor& x);                               // new memory, no history
// x on a device: x itself if it is there, otherwise a copy without history, in the same order in memory where x is packed. The host does not wait for
// copies to a GPU. Throws Error for an x that requires grad, outside NoGrad.
Tensor to(const Tensor& x, Device device);
// The values copied, in row-major order. Throws Error if their number is not shape.count().
template <class T> Tensor from(std::span<const T> values, const Shape& shape, TensorOptions options = {dtype_of<T>});
template <class T> Tensor from(const std::vector<T>& values, const Shape& shape, TensorOptions options = {dtype_of<T>}) {
  return from(std::span<const T>(values), shape, options);
}
template <class T> Tensor from(const std::vector<T>& values) { return from(values, {int64_t(values.size())}); }
Tensor tensor(std::initializer_list<double> values, TensorOptions options = {});                             // 1-d
Tensor tensor(std::initializer_list<std::initializer_list<double>> values, TensorOptions options = {});      // 2-d
// The caller's memory, row-major; nothing is copied. It must outlive all that uses it, or be kept alive by `keeper`. More in create.h.
Tensor borrow(void* data, const Shape& shape, TensorOptions options, std::shared_ptr<const void> keeper = {});
template <class T> Tensor borrow(T* data, const Shape& shape, Device device = cpu) { return borrow(static_cast<void*>(data), shape, {dtype_of<T>, device}); }

std::string describe(const Tensor& x);                       // f32[2, 3] on cpu
std::string to_string(const Tensor& x);                      // the values, as NumPy prints them
std::ostream& operator<<(std::ostream& out, const Tensor& x);

// In-place writes. Never differentiated: refused on a tensor that requires grad unless NoGrad; counted in the storage's version.
void fill(const Tensor& x, Scalar value);
void copy(const Tensor& from, const Tensor& to);             // broadcasts, converts dtype and device

// While one lives, ops of this thread are not recorded.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
 private:
  bool before_;
};
bool grad_enabled();

}  // namespace mica
