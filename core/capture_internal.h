#pragma once
#include <functional>
#include <memory>
#include "mica/core/capture.h"
namespace mica {

// A recorded graph.
class Graph {
 public:
  virtual ~Graph() = default;
  virtual void replay(double rate) = 0;
};

// Runs the step once without its kernels, which go into the graph: the host's part of the first replay has then happened, so that replay() called
// first only launches. Throws Error where the step cannot be recorded; nothing is left of it then but what the host has counted.
std::unique_ptr<Graph> record(Device device, double rate, const std::function<void()>& step);

}  // namespace mica
