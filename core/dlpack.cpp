#include "mica/core/dlpack.h"
#include "mica/core/borrow_internal.h"
#include "mica/core/dlpack_internal.h"
#include "mica/core/kernels.h"

namespace mica {
namespace {
using dlpack::Array;

struct TypeOf { dlpack::TypeCode code; uint8_t bits; };
constexpr TypeOf type_of[] = {{dlpack::code_float, 64}, {dlpack::code_float, 32}, {dlpack::code_float, 16}, {dlpack::code_bfloat, 16},
                              {dlpack::code_int, 64}, {dlpack::code_int, 32}, {dlpack::code_uint, 8}, {dlpack::code_bool, 8}};  // in the order of DType

// What another library holds: its struct, which points at the sizes beside it, and the tensor.
template <class Managed> struct Export {
  Managed managed{};
  Tensor x;
  Shape shape;
  Strides strides;
};

template <class Managed> Managed* exported(const Tensor& x, const char* function) {
  if (!x) throw Error(std::string(function) + ": x is undefined");
  if (x.requires_grad()) throw Error(std::string(function) + ": x requires grad, and other libraries' work is not differentiated; detach x\n  x: " + describe(x));
  if (!x.body().storage) throw Error(std::string(function) + ": x has no data");
  context_of(x);  // the current stream waits for others that x was used in
  auto* e = new Export<Managed>{{}, x, x.shape(), x.strides()};
  const TypeOf type = type_of[size_t(x.dtype())];
  const bool on_cpu = x.device() == cpu;
  e->managed.dl_tensor = {x.size() ? address(x) : nullptr, on_cpu ? dlpack::device_cpu : dlpack::device_cuda, on_cpu ? 0 : x.device().index, x.rank(), type.code,
                          type.bits, 1, &e->shape[0], &e->strides[0], 0};
  e->managed.manager_ctx = e;
  e->managed.deleter = [](Managed* self) { delete static_cast<Export<Managed>*>(self->manager_ctx); };
  return &e->managed;
}

[[noreturn]] void refuse(const std::string& why) { throw Error("from_dlpack: " + why); }

DType dtype_in(const Array& a) {
  if (a.lanes != 1) refuse("elements of " + std::to_string(a.lanes) + " lanes; mica's have 1");
  for (size_t i = 0; i < std::size(type_of); ++i)
    if (type_of[i].code == a.code && type_of[i].bits == a.bits) return DType(i);
  refuse("type code " + std::to_string(a.code) + " of " + std::to_string(a.bits) + " bits is none of mica's dtypes (f64, f32, f16, bf16, i64, i32, u8, bool)");
}
Device device_in(const Array& a) {
  switch (a.device_type) {
    case dlpack::device_cpu: case dlpack::device_cuda_host: return cpu;
    case dlpack::device_cuda:
      if (a.device_id < 0) refuse("device number " + std::to_string(a.device_id));
      return cuda(a.device_id);
    default: refuse("device type " + std::to_string(a.device_type) + " is none of mica's (1: cpu, 2: cuda, 3: pinned memory)");
  }
}

// The tensor over `data`, which `owner` keeps.
Tensor tensor_over(const Array& a, std::shared_ptr<const void> owner) {
  const DType dtype = dtype_in(a);
  const Device device = device_in(a);
  if (a.ndim < 0 || a.ndim > Shape::max_rank) refuse(std::to_string(a.ndim) + " dimensions; mica's tensors have up to " + std::to_string(Shape::max_rank));
  if (a.ndim && !a.shape) refuse("the sizes of " + std::to_string(a.ndim) + " dimensions are missing");
  Shape shape, strides;
  for (int i = 0; i < a.ndim; ++i) {
    if (a.shape[i] < 0) refuse("dimension " + std::to_string(i) + " has size " + std::to_string(a.shape[i]));
    shape.push_back(a.shape[i]);
    if (a.strides) strides.push_back(a.strides[i]);
  }
  void* data = a.data ? static_cast<char*>(a.data) + a.byte_offset : nullptr;
  return borrow_for("from_dlpack", data, shape, a.strides ? &strides : nullptr, {dtype, device}, std::move(owner));
}

template <class Managed> struct Owner {
  Managed* managed = nullptr;
  ~Owner() { if (managed && managed->deleter) managed->deleter(managed); }
};
template <class Managed> Tensor imported(Managed* tensor) {
  auto owner = std::make_shared<Owner<Managed>>();
  Tensor x = tensor_over(tensor->dl_tensor, owner);
  owner->managed = tensor;  // only now: where something above throws it stays the caller's
  return x;
}
}  // namespace

DLManagedTensor* to_dlpack(const Tensor& x) { return exported<DLManagedTensor>(x, "to_dlpack"); }
DLManagedTensorVersioned* to_dlpack_versioned(const Tensor& x) {
  auto* managed = exported<DLManagedTensorVersioned>(x, "to_dlpack_versioned");
  managed->major = dlpack::major_version;
  managed->minor = dlpack::minor_version;
  return managed;
}
Tensor from_dlpack(DLManagedTensor* tensor) {
  if (!tensor) refuse("the tensor is null");
  return imported(tensor);
}
Tensor from_dlpack(DLManagedTensorVersioned* tensor) {
  if (!tensor) refuse("the tensor is null");
  if (tensor->major != dlpack::major_version)  // of other versions only the deleter may be touched
    refuse("DLPack of version " + std::to_string(tensor->major) + "." + std::to_string(tensor->minor) + "; mica reads " + std::to_string(dlpack::major_version) + ".x");
  if (tensor->flags & dlpack::flag_read_only) refuse("the memory must not be written, and mica's tensors can be; copy it first");
  return imported(tensor);
}

}  // namespace mica
