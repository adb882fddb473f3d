# Runs of many tests in one process each.

# What is compiled for several instruction sets, under each but the best (which all other tests use); skipped where the machine has not the set.
set(filter "Pointwise.*:Broadcast.*:Reduce.*:Softmax.*:LayerNorm.*:BatchNorm.*:Dropout.*:*Pool2d.*:CrossEntropy.*:BceWithLogits.*:Mse.*:Linear.*:Matmul.*:Conv2d.*")
string(APPEND filter ":Optimizer*.*:Clip*.*:Ema*.*:Golden*.*:OnnxNodes.*:Isa.*-BatchNorm.LargeTensorsOnOneAndTwoThreads:Conv2d.ManyShapesAreKept")
foreach(isa v2 v3)
  add_test(NAME isa_${isa} COMMAND mica_test --gtest_filter=${filter} --gtest_brief=1)
  set_tests_properties(isa_${isa} PROPERTIES ENVIRONMENT "${mica_test_environment};MICA_ISA=${isa}" TIMEOUT 1200
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
