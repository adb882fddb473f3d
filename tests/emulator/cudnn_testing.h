#pragma once
#include <gmock/gmock.h>
#include <functional>
#include "mica/core/error.h"
#include "mica/cuda/cudnn_call.h"
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/library_testing.h"
// What the tests of calls to cuDNN share.
namespace mica::emulator {

// Makes every call that `run` makes, of cuDNN and of the runtime, fail once, with fresh plans: a typed error, nothing left behind, and the next run, followed
// by `verify`, is right.
inline void expect_failures_are_clean(const std::function<bool()>& run, const std::function<void()>& verify) {
  ASSERT_TRUE(run());
  int failures = 0;
  for (int n = 1;; ++n) {
    clear_cudnn_plans();
    cudaDeviceSynchronize();
    const size_t objects = library_objects(), allocations = arena().allocations();
    reset_calls();
    fail_call("", n, cudaError_t(CUDNN_STATUS_EXECUTION_FAILED));
    bool failed = false;
    try {
      EXPECT_TRUE(run()) << "call " << n << ": an error is not a lack of support";
    } catch (const CudaError& e) {
      failed = true;
      ++failures;
      EXPECT_THAT(e.what(), testing::HasSubstr(" failed"));
    }
    const bool reached = calls("") >= n;
    reset_calls();
    if (!reached) break;
    clear_cudnn_plans();
    cudaDeviceSynchronize();
    cudaGetLastError();
    EXPECT_EQ(arena().allocations(), allocations) << "call " << n;
    EXPECT_LE(library_objects(), objects + (failed ? 0 : 1)) << "call " << n << ": what is not an error can only be a destroy that failed";
    ASSERT_TRUE(run());
    verify();
  }
  EXPECT_GT(failures, 3);
}

// The second run makes only these calls: cuDNN's `functions`, and those of the runtime for workspaces.
inline void expect_second_run_is_lean(const std::function<bool()>& run, const std::vector<const char*>& functions) {
  clear_cudnn_plans();
  ASSERT_TRUE(run());
  reset_calls();
  ASSERT_TRUE(run());
  int known = calls("cudaMalloc") + calls("cudaFreeAsync");
  for (const char* f : functions) {
    EXPECT_EQ(calls(f), 1) << f;
    known += calls(f);
  }
  EXPECT_EQ(calls(""), known) << "a second run of the same sizes searches, or makes descriptors";
  cudaDeviceSynchronize();
}

}  // namespace mica::emulator
