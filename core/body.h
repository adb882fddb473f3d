#pragma once
#include <functional>
#include <memory>
#include "mica/core/device.h"
#include "mica/core/dtype.h"
#include "mica/core/memory.h"
#include "mica/core/shape.h"
// What stands behind a Tensor. For core/ and authors of ops; users need only tensor.h.
namespace mica {

struct Call;
struct Leaf;
struct Queue;
struct Storage;
struct Body;
void destroy(Storage*);
void destroy(Call*);
void destroy(Body*);

// Memory, shared by all views of it. `version` is a number no other write in the program has had, so that a tape entry notices a write
// and also a storage that was exchanged (`to`, `load`); `writer` is the op named in the error.
struct Storage : Counted, Pooled {
  void* data = nullptr;
  size_t bytes = 0;
  Device device;
  bool owned = true;                       // by mica's allocator
  std::shared_ptr<const void> keeper;      // keeps borrowed memory alive, if somebody must
  std::atomic<uint64_t> version{0};
  const char* writer = "";
  Queue* queue = nullptr;                  // of memory of a GPU: the stream that its latest use is in; all earlier uses come before that
};

struct Body : Counted, Pooled {
  Body();
  ~Body();
  Shape shape;
  Strides strides;
  int64_t offset = 0;                      // in elements
  DType dtype = f32;
  bool requires_grad = false;
  uint8_t slot = 0;                        // which output of `call` this is
  Device device;
  Ref<Storage> storage;                    // null: metadata only
  Ref<Call> call;                          // what made it, if taped
  std::unique_ptr<Leaf> leaf;              // gradient, hooks, module path: of leaves, and of what a user asked to keep
};

}  // namespace mica
