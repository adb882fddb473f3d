# Runs of many tests in one process each.

# The kernels on the emulated device, in other orders of threads and blocks than the tests one by one. At random, the libraries' implementations come
# first (which of equal values one takes as the largest is its own business), and every block of memory is taken from the driver, so that accesses behind
# its end are seen. In one run over fewer cases device memory is closed to the host, which is slow. Under the race detector that is all there is to run.
set(cuda_filter "AnyShape.*:Pointwise.*:Broadcast.*:Reduce.*:Softmax.*:LayerNorm.*:BatchNorm.*:Dropout.*:*Pool2d.*:CrossEntropy.*:Nll.*:BceWithLogits.*:Mse.*")
string(APPEND cuda_filter ":ElementwiseLoss.*:Linear.*:Matmul.*:*Gemm*:Conv2d*.*:*Optimizer*.*:Clip*.*:Ema*.*:Index*.*:Embedding.*:Gather.*:OneHot.*:Sort.*:Cat.*:Pad.*")
string(APPEND cuda_filter ":Augment*.*:Flip.*:SliceUpdate.*:View.*:*Shadow.*:*LossScale*.*:Gpu.*:CaptureTest.*-Conv2d.ManyShapesAreKept:BatchNorm.LargeTensorsOnOneAndTwoThreads")
function(mica_cuda_run name)
  add_test(NAME ${name} COMMAND mica_test --gtest_filter=${cuda_filter} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "${mica_test_environment};MICA_TEST_DEVICES=cuda;${ARGN}" TIMEOUT 2400
    FAIL_REGULAR_EXPRESSION "\\] 0 tests from")
endfunction()
if(MICA_EMULATED AND (MICA_SANITIZE OR MICA_RACE))
  mica_cuda_run(cuda MICA_EMULATOR_ORDER=random:7 MICA_CUDA_CACHE=0 MICA_CUDA_CHOICES=mica)
  set(cuda_filter Gpu.*:CaptureTest.*:CudaFailures.*:AugmentOnCuda.*:Batches.*:Implementation.*)  # streams, with the cache that hands memory from one to another
  mica_cuda_run(cuda_streams)
elseif(MICA_EMULATED)
  mica_cuda_run(cuda_reverse MICA_EMULATOR_ORDER=reverse)
  string(APPEND cuda_filter ":MaxPool2d.ValuesAndGradients:MaxPool2d.TiesGoToTheFirst")
  mica_cuda_run(cuda_random MICA_EMULATOR_ORDER=random:1 MICA_CUDA_CACHE=0 MICA_CUDA_CHOICES=libraries)
  set(cuda_filter Gpu.*:Augment*.*:CaptureTest.*:Optimizer.*:CrossEntropy.Cases:Softmax.Cases:Embedding.*:Sort.*:Linear.Shapes:BatchNorm.Training)
  mica_cuda_run(cuda_guard MICA_EMULATOR_GUARD=1)
endif()
if(MICA_SANITIZE OR MICA_RACE)
  return()
endif()

# What is compiled for several instruction sets, under each but the best (which all other tests use); skipped where the machine has not the set.
set(filter "Pointwise.*:Broadcast.*:Reduce.*:Softmax.*:LayerNorm.*:BatchNorm.*:Dropout.*:*Pool2d.*:CrossEntropy.*:BceWithLogits.*:Mse.*:Linear.*:Matmul.*:Conv2d.*")
string(APPEND filter ":*Optimizer*.*:Clip*.*:Ema*.*:Golden*.*:OnnxNodes.*:Isa.*-BatchNorm.LargeTensorsOnOneAndTwoThreads:Conv2d.ManyShapesAreKept")
foreach(isa v2 v3)
  add_test(NAME isa_${isa} COMMAND mica_test --gtest_filter=${filter} --gtest_brief=1)
  set_tests_properties(isa_${isa} PROPERTIES ENVIRONMENT "${mica_test_environment};MICA_ISA=${isa};MICA_TEST_DEVICES=cpu" TIMEOUT 1200
    FAIL_REGULAR_EXPRESSION "\\] 0 tests from" SKIP_REGULAR_EXPRESSION "MICA_ISA is '${isa}'; this machine has")
endforeach()

# Every op has been differentiated at 20 shapes or more: counted over the tables of cases, each run once for it and not checked (tests/op_shapes.cpp).
# An op whose table is not in this list has not been differentiated at all.
set(filter "AnyShape.*:Pointwise.Gradients*:Pointwise.Arithmetic:Pointwise.Exponentials:Pointwise.Activations:Pointwise.Gelu:Broadcast.Arithmetic:Reduce.*:Softmax.Cases:LayerNorm.Cases")
string(APPEND filter ":BatchNorm.Training:Dropout.Cases:*Pool2d.*:CrossEntropy.Cases:Nll.Cases:BceWithLogits.Cases:Mse.Cases:Linear.Shapes:Matmul.Shapes")
string(APPEND filter ":Conv2d.Shapes:*.ValuesAndGradients")
add_test(NAME op_shapes COMMAND mica_test --gtest_filter=${filter} --gtest_brief=1)
set_tests_properties(op_shapes PROPERTIES ENVIRONMENT "${mica_test_environment};MICA_TEST_COUNT_SHAPES=1" TIMEOUT 600
  FAIL_REGULAR_EXPRESSION "\\] 0 tests from")
