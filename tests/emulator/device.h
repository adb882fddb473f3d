#pragma once
// What mica/cuda/gpu.h is on a machine without a GPU.
#include "mica/tests/emulator/atomics.h"
#include "mica/tests/emulator/groups.h"
#include "mica/tests/emulator/launch.h"
#include "mica/tests/emulator/math.h"
#include "mica/tests/emulator/thread.h"
#include "mica/tests/emulator/warp.h"
