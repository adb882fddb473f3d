#pragma once
#include <set>
#include <string>
#include "mica/core/observer.h"
// At how many shapes has each op been differentiated? The tables of cases (op_case.h) count; the verdict comes when all tests have run.
namespace mica::testing {

// While one lives, the shapes of the inputs of each op that goes on the tape are noted.
class ShapeCounter : public Observer {
  void ran(const Call& call) override;
};

// Cases are only counted, not checked: MICA_TEST_COUNT_SHAPES is set (tests/cmake/whole_suite.cmake).
bool only_counting();

// The names that the structs in core/ops give themselves.
std::set<std::string> all_ops();

}  // namespace mica::testing
