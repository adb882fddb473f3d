#pragma once
#include <cstddef>
#include <cstdint>
// DLPack's structs, written from its specification ("C API", https://dmlc.github.io/dlpack/latest/c_api.html; versions 0.8 and 1.x, which differ in
// the struct around the tensor). Their layout is fixed; the numbers are part of it.
namespace mica::dlpack {

enum DeviceType : int32_t { device_cpu = 1, device_cuda = 2, device_cuda_host = 3 };  // cuda_host: pinned memory
enum TypeCode : uint8_t { code_int = 0, code_uint = 1, code_float = 2, code_bfloat = 4, code_bool = 6 };
constexpr uint64_t flag_read_only = 1;
constexpr uint32_t major_version = 1, minor_version = 0;

struct Array {  // DLTensor
  void* data;
  int32_t device_type, device_id;
  int32_t ndim;
  uint8_t code, bits;
  uint16_t lanes;
  int64_t *shape, *strides;  // strides in elements; null: row-major
  uint64_t byte_offset;
};

}  // namespace mica::dlpack

struct DLManagedTensor {
  mica::dlpack::Array dl_tensor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensor*);  // may be null
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* manager_ctx;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  mica::dlpack::Array dl_tensor;
};
static_assert(sizeof(mica::dlpack::Array) == 48 && offsetof(mica::dlpack::Array, shape) == 24);
static_assert(sizeof(DLManagedTensor) == 64 && offsetof(DLManagedTensor, deleter) == 56);
static_assert(sizeof(DLManagedTensorVersioned) == 80 && offsetof(DLManagedTensorVersioned, dl_tensor) == 32);
