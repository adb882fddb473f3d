#include <cuda_runtime.h>
#include <cstring>
#include <algorithm>
#include <deque>
#include <vector>
#include "mica/core/capture_internal.h"
#include "mica/core/kernels.h"
#include "mica/core/recorder.h"
#include "mica/core/stream.h"
#include "mica/cuda/launch.h"
#include "mica/cuda/queue.h"
#include "mica/cuda/staging.h"
// Recording and replay of a step.
namespace mica {
namespace {
constexpr size_t most_varying = 16384, unit = 16;  // bytes of all values that vary; of one they are multiples of a unit

// Whatever it returns, the stream does not record any more: its queue is closed by an event, which must not become part of a graph.
cudaError_t end_capture(cudaStream_t stream, cudaGraph_t* graph) {
  const cudaError_t error = cudaStreamEndCapture(stream, graph);
  if (error == cudaSuccess) return error;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  if (cudaStreamIsCapturing(stream, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone) {
    cudaGraph_t rest = nullptr;
    if (cudaStreamEndCapture(stream, &rest) == cudaSuccess && rest) cudaGraphDestroy(rest);
  }
  cudaGetLastError();
  return error;
}

class RecordedGraph final : public Graph, public Recorder {
 public:
  RecordedGraph(Device device, double rate, const std::function<void()>& step) : stream_(device), rate_(rate) {
    const OnStream on_stream(stream_);
    const Cuda on = cuda_context(device.index);
    queue_ = on.queue;
    varying_ = empty({int64_t(most_varying)}, {u8, device});
    wait_for_others(on);
    adopt_closed(on);
    queue_->recorded = true;
    cudaGraph_t graph = nullptr;
    try {
      check(cudaStreamBeginCapture(on.stream, cudaStreamCaptureModeRelaxed), "cudaStreamBeginCapture");
      try {
        const RecorderScope scope(this);
        step();
      } catch (...) {
        if (end_capture(on.stream, &graph) == cudaSuccess && graph) cudaGraphDestroy(graph);
        throw;
      }
      check(end_capture(on.stream, &graph), "cudaStreamEndCapture");
      const cudaError_t made = cudaGraphInstantiate(&graph_, graph, 0);
      cudaGraphDestroy(graph);
      check(made, "cudaGraphInstantiate");
    } catch (...) {
      queue_->recorded = false;
      throw;
    }
  }
  ~RecordedGraph() override {
    if (graph_) cudaGraphExecDestroy(graph_);
    queue_->recorded = false;  // its memory is like any other from now on
  }
  RecordedGraph(const RecordedGraph&) = delete;

  void replay(double rate) override {
    rate_ = rate;
    const OnStream on_stream(stream_);
    const Cuda on = cuda_context(stream_.device().index);
    if (!first_) for (const Value& v : values_) v.next(now_.data() + v.at);
    first_ = false;
    wait_for_others(on);
    if (!values_.empty()) upload(on, address(varying_), now_.data(), values_.back().at + values_.back().bytes);
    check(cudaGraphLaunch(graph_, on.stream), "cudaGraphLaunch");
    lead_others(on);
  }

  const void* vary(size_t bytes, const void* now, std::function<void(void* to)> next) override {
    const size_t at = values_.empty() ? 0 : (values_.back().at + values_.back().bytes + unit - 1) / unit * unit;
    if (at + bytes > most_varying) throw Error("capture: the step has more than " + std::to_string(most_varying) + " bytes of values that change");
    now_.resize(at + bytes);
    std::memcpy(now_.data() + at, now, bytes);
    values_.push_back({at, bytes, std::move(next)});
    return address(varying_) + at;
  }
  void* keep(size_t bytes) override {
    void* p = nullptr;
    check(cudaHostAlloc(&p, std::max<size_t>(1, bytes), cudaHostAllocDefault), "cudaHostAlloc");
    kept_.emplace_back(p, [](void* pinned) { cudaFreeHost(pinned); });
    return p;
  }
  double rate() const override { return rate_; }

 private:
  struct Value { size_t at, bytes; std::function<void(void* to)> next; };

  Stream stream_;
  double rate_;
  Queue* queue_ = nullptr;
  Tensor varying_;
  std::vector<char> now_;
  std::deque<Value> values_;
  std::vector<std::shared_ptr<void>> kept_;
  bool first_ = true;
  cudaGraphExec_t graph_ = nullptr;
};
}  // namespace

std::unique_ptr<Graph> record(Device device, double rate, const std::function<void()>& step) { return std::make_unique<RecordedGraph>(device, rate, step); }

}  // namespace mica
