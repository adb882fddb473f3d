#pragma once
#include <variant>
#include "mica/core/config.h"
#include "mica/core/device.h"

struct CUstream_st;  // what cudaStream_t points to

namespace mica {

// Where a kernel runs: the first argument of every kernel, and what overloads choose by.
struct Cpu { static constexpr auto name = "cpu"; };
struct Queue;  // a stream as the backend's allocator knows it (cuda/queue.h)
struct Cuda { int device = 0; CUstream_st* stream = nullptr; Queue* queue = nullptr; static constexpr auto name = "cuda"; };
#if MICA_HAS_CUDA
using Context = std::variant<Cpu, Cuda>;
#else
using Context = std::variant<Cpu>;
#endif
Context context(Device device);  // the device and the thread's current stream; throws Error if this build or machine lacks it
Cuda cuda_context(int device);   // the same for a GPU: what the backend gives context()

}  // namespace mica
