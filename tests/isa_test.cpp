#include <gtest/gtest.h>
#include <cstdlib>
#include "mica/core/info.h"

// MICA_ISA decides which kernels run: without this the runs under it (tests/cmake/whole_suite.cmake) would test the same ones again.
TEST(Isa, IsTheOneAskedFor) {
  const char* asked = std::getenv("MICA_ISA");
  if (!asked) GTEST_SKIP() << "MICA_ISA is not set";
  std::string found;
  for (const auto& [name, value] : mica::build_info()) if (name == "instruction set") found = value;
  EXPECT_NE(found.find(asked), std::string::npos) << found;
}
