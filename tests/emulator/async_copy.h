#pragma once
#include "mica/tests/emulator/thread.h"
// cp.async (mica/cuda/arch/cp_async.h): nothing is copied before the wait, and till then the memory holds NaN.
namespace mica::emulator {

// Queues a copy of 16 bytes from device to shared memory, or of zeros. Reports addresses that a GPU does not take.
void async_copy(void* shared, const void* global, bool take, const Place& where);
void async_commit();            // what the thread has queued since the last one is a group
void async_wait(int pending);   // copies all groups but the last `pending`

}  // namespace mica::emulator
