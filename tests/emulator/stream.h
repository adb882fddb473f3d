#pragma once
#include <cuda_runtime.h>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <vector>
#include "mica/tests/emulator/clock.h"
// Streams: queues of closures that run when something waits for them, in the order their events ask for, and no earlier. A program that forgets
// to wait sees old numbers every time, where on a GPU it sees them some time.
namespace mica::emulator {

// Who queued a task: a launch, or a function of the runtime and the code that called it.
struct Origin {
  const char* function;
  const void* code = nullptr;
  std::source_location where = {};
  std::string text() const;  // "the kernel launched at x.cpp:3", "cudaMemcpyAsync called at x.cpp:5"
};

// Host memory a queued task uses.
struct HostUse { void* p; size_t bytes; bool write; bool held = false; };

struct Stream;
// A place in a stream: reached when what was queued before it has run.
struct Point {
  Stream* stream;
  bool reached = false;
  Clock clock;
  std::chrono::steady_clock::time_point time;
};
using PointPtr = std::shared_ptr<Point>;
PointPtr point_in(Stream&);           // a place a task will mark

struct Task {
  Origin origin;
  std::function<void()> run;           // empty: only a point
  std::vector<PointPtr> after = {};
  std::vector<HostUse> uses = {};
  PointPtr point = {};
  Clock known = {};                    // what the host knew when it queued the task
  bool host = false;                   // run is the program's own function, which may touch no device memory and call no function of the runtime
};

struct Capture;
struct Stream {
  uint32_t id = 0;
  bool blocking = true;                // waits for the default stream, and that for it
  bool destroyed = false;              // by the program, perhaps with tasks left
  std::deque<Task> queue;
  uint32_t done = 0;
  Clock clock;                         // what its tasks that have run know
  Capture* capture = nullptr;          // it is being captured
  std::vector<size_t> captured;        // nodes its next one comes after
};

Stream* stream_of(cudaStream_t handle);             // nullptr if there is none
Stream* create_stream(bool blocking);
void destroy_stream(Stream*);
cudaError_t enqueue(Stream&, Task task);            // into its capture, if it has one
PointPtr mark(Stream&, const Origin&);              // the place behind all that is queued
void finish(const PointPtr&);                       // runs what must run for the host to pass this point
void finish(Stream&);
void finish_all();
bool idle(const Stream&);
size_t streams();                                   // that the program has not destroyed

}  // namespace mica::emulator
