#pragma once
#include <thread>
#include "mica/tests/emulator/stream.h"
// Graphs: the tasks of captured streams, and what each comes after.
namespace mica::emulator {

struct Node {
  Task task;
  size_t branch;              // the captured stream it was queued on, by number
  std::vector<size_t> after;  // earlier nodes
};

struct Graph {
  std::vector<Node> nodes;
  size_t branches = 0;
};

struct Capture {
  Graph graph;
  Stream* origin;
  std::vector<Stream*> streams;  // by branch
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  unsigned long long id;
  bool invalid = false;
};

struct Event {
  PointPtr point;              // where it was recorded, if it was
  bool timed = true;
  bool captured = false;       // it was last recorded in a capture, behind these nodes
  Capture* capture = nullptr;  // nullptr when that has ended
  std::vector<size_t> nodes;
};
Event* event_of(cudaEvent_t handle);  // nullptr if there is none
size_t events();
void forget_capture(const Capture&);  // of all events: it ends

void capture_task(Stream&, Task);
// A stream waits for an event of a capture: it takes part from now on.
void join_capture(Stream&, const Event&);
// The call cannot be captured: it invalidates every capture that forbids it, and returns the error it must fail with.
cudaError_t refuse_capture();
size_t graphs();  // and executables, that were not destroyed

}  // namespace mica::emulator
