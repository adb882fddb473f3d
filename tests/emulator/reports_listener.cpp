#include "mica/tests/emulator/reports_listener.h"
#include <gtest/gtest.h>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/capture.h"
#include "mica/tests/emulator/grid.h"
#include "mica/tests/emulator/pinned.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/runtime.h"

namespace mica::emulator {
namespace {
struct Held { size_t allocations, pinned, streams, events, graphs; };
Held held() { return {arena().allocations(), pinned_allocations(), streams(), events(), graphs()}; }

class ReportsListener : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override { before_ = held(); }
  void OnTestEnd(const testing::TestInfo& test) override {
    {
      const std::lock_guard lock(runtime_mutex());
      finish_all();
    }
    for (const auto& [kind, text] : take_reports()) ADD_FAILURE() << "emulated device: " << kind << ": " << text;
    if (take_device_failure() && test.result()->Passed()) ADD_FAILURE() << "a kernel was ended by the emulated device";
    if (test.result()->Skipped()) return;
    const Held now = held();
    const auto same = [](const char* what, size_t before, size_t after) {
      if (after > before) ADD_FAILURE() << "the test leaves " << after - before << " " << what << " behind";
    };
    same("device allocations", before_.allocations, now.allocations);
    same("pinned allocations", before_.pinned, now.pinned);
    same("streams", before_.streams, now.streams);
    same("events", before_.events, now.events);
    same("graphs", before_.graphs, now.graphs);
  }
  Held before_{};
};
}  // namespace

void install_reports_listener() { testing::UnitTest::GetInstance()->listeners().Append(new ReportsListener); }

}  // namespace mica::emulator
