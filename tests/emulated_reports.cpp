#include "mica/core/config.h"
#if MICA_EMULATED
#include <gtest/gtest.h>
#include "mica/core/error.h"
#include "mica/core/stream.h"
#include "mica/tests/emulator/report.h"
// What the emulated device finds wrong in a kernel (a race, an access out of bounds, a missing barrier) fails the test that ran it.
namespace {
class EmulatedReports : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo&) override {
    try { mica::synchronize(); }  // work still queued runs now
    catch (const mica::Error& e) { ADD_FAILURE() << e.what(); }
    for (const auto& [kind, text] : mica::emulator::take_reports()) ADD_FAILURE() << "emulated device: " << kind << ": " << text;
  }
};
const bool installed = (testing::UnitTest::GetInstance()->listeners().Append(new EmulatedReports), true);
}  // namespace
#endif
