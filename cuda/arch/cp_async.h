#pragma once
#include "mica/cuda/arch/place.h"
// Copies from global to shared memory that a thread does not wait for (PTX ISA, "cp.async"; from sm_80 on, before that plain copies). What a thread
// has copied since its last commit is a group. It sees the data of a group behind a wait that leaves fewer groups pending; other threads see it
// behind a barrier after that.
//
//   cp_async(tile[0] + i, x + i); cp_async_commit();
//   cp_async(tile[1] + i, x + n + i); cp_async_commit();
//   cp_async_wait<1>(); __syncthreads();   // tile[0] is there
//
// On the emulated device the memory holds NaN from the copy to its wait.
#if !defined(__CUDACC__)
#include "mica/tests/emulator/async_copy.h"
#endif
namespace mica {

// 16 bytes, both addresses multiples of 16. Where `take` is false zeros are written and nothing is read.
__device__ __forceinline__ void cp_async(void* shared, const void* global, bool take = true, [[maybe_unused]] CallPlace where = CallPlace::current()) {
#if !defined(__CUDACC__)
  emulator::async_copy(shared, global, take, where);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(unsigned(__cvta_generic_to_shared(shared))), "l"(__cvta_generic_to_global(global)), "r"(take ? 16 : 0)
               : "memory");
#else
  *static_cast<uint4*>(shared) = take ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
#endif
}

__device__ __forceinline__ void cp_async_commit() {
#if !defined(__CUDACC__)
  emulator::async_commit();
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Until at most `pending` of the thread's groups, the last ones, are not complete.
template <int pending> __device__ __forceinline__ void cp_async_wait() {
#if !defined(__CUDACC__)
  emulator::async_wait(pending);
#elif __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#endif
}

}  // namespace mica
