#pragma once
namespace mica::emulator {

// From now on a test fails that leaves reports, or a capture or an allocation that was not there when it began.
void install_reports_listener();

}  // namespace mica::emulator
