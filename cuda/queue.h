#pragma once
#include <cuda_runtime.h>
#include "mica/core/context.h"
namespace mica {

// A stream as mica knows it while work is given to it. Invariant: whatever has been done with a storage comes before the end of its queue, so a
// storage that changes queues costs one event, and freed memory can be used again in its queue without waiting. A queue whose stream may be gone
// (OnStream has ended) is closed: `end` is an event behind all of its work, and the handle is not touched again. A replay comes after all queues and
// before what they are given next; of closed queues, of which a program may have had any number, it takes note only (`after`).
struct Queue {
  int device;
  cudaStream_t stream;
  cudaEvent_t end = nullptr;   // of a closed queue; an event to record otherwise; null where it could not be made, before any use
  int opens = 0;               // scopes that use it; 0: closed
  Queue* after = nullptr;      // of a closed queue: its end is that of this one, which has waited for `end`
  bool recorded = false;       // its freed memory belongs to a graph, which writes it in every replay
};

Queue& open_queue(int device, cudaStream_t stream);  // never deleted: storages keep their addresses
void close(Queue& queue);                            // the last one to close it records `end`
bool is_closed(const Queue& queue);
void wait_for(const Cuda& on, Queue& earlier);       // on.stream goes on after the end of `earlier`
void wait_for_others(const Cuda& on);                // on.stream goes on after the ends of all queues of its device
void lead_others(const Cuda& on);                    // and after wait_for_others: what those are given from now on comes after the end of on's
void adopt_closed(const Cuda& on);                   // after wait_for_others: free memory of closed queues belongs to on's (memory.cpp)
void set_device(int device);                         // of the calling thread; a call of the runtime only where it changes

}  // namespace mica
