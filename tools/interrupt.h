#pragma once

namespace mica::tools {

// From now on the first SIGINT (Ctrl-C) or SIGTERM only sets a flag, so that a training can finish its step and save; a second one ends the
// program at once.
void catch_interrupts();

bool interrupted();

// What a program ended by that signal exits with: 130 for SIGINT, 143 for SIGTERM; 0 when not interrupted.
int interrupt_exit_code();

}  // namespace mica::tools
