#pragma once
#include <cuda_runtime.h>
#include <functional>
#include "mica/core/context.h"
namespace mica {

// A stream as mica knows it while work is given to it. Invariant: whatever has been done with a storage comes before the end of its queue, so a
// storage that changes queues costs one event, and freed memory can be used again in its queue without waiting. A queue whose stream may be gone
// (OnStream has ended) is closed: `end` is an event behind all of its work, and the handle is not touched again.
struct Queue {
  int device;
  cudaStream_t stream;
  cudaEvent_t end = nullptr;   // of a closed queue; an event to record otherwise
  int opens = 0;               // scopes that use it; 0: closed
  bool recorded = false;       // its freed memory belongs to a graph, which writes it in every replay
};

Queue& open_queue(int device, cudaStream_t stream);  // never deleted: storages keep their addresses
void close(Queue& queue);                            // the last one to close it records `end`
void wait_for(const Cuda& on, Queue& earlier);       // on.stream goes on after the end of `earlier`
void follow(Queue& queue, Queue& earlier);           // what is given to `queue` from now on comes after the end of `earlier`, which is open
void for_other_queues(const Cuda& on, const std::function<void(Queue&)>& visit);  // all of on's device but its own
void set_device(int device);                         // of the calling thread; a call of the runtime only where it changes

}  // namespace mica
