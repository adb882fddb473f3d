#include "mica/tests/emulator/capture.h"
#include <algorithm>
#include <memory>
#include <utility>
#include "mica/tests/emulator/runtime.h"
// Graph capture and replay.
namespace mica::emulator {
namespace {
struct Executable {
  Graph graph;
  std::vector<Stream*> streams;  // for its branches behind the first
  PointPtr last;                 // one replay waits for the other
};
struct Graphs {
  std::vector<std::unique_ptr<Capture>> captures;
  std::vector<std::unique_ptr<Graph>> graphs;
  std::vector<std::unique_ptr<Executable>> executables;
};
Graphs& all() {
  static Graphs& result = *new Graphs;
  return result;
}
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

template <class T> T* find(std::vector<std::unique_ptr<T>>& owned, const void* handle) {
  for (auto& one : owned)
    if (one.get() == handle) return one.get();
  return nullptr;
}
template <class T> void drop(std::vector<std::unique_ptr<T>>& owned, const T* one) {
  std::erase_if(owned, [one](auto& other) { return other.get() == one; });
}

// Whether every node comes before one of `ends`.
bool all_joined(const Graph& g, const std::vector<size_t>& ends) {
  std::vector<bool> reached(g.nodes.size());
  for (const size_t end : ends) reached[end] = true;
  for (size_t i = g.nodes.size(); i-- > 0;)
    for (size_t before : reached[i] ? g.nodes[i].after : std::vector<size_t>()) reached[before] = true;
  return std::all_of(reached.begin(), reached.end(), [](bool b) { return b; });
}
}  // namespace

size_t graphs() { return all().graphs.size() + all().executables.size(); }

void capture_task(Stream& s, Task task) {
  Capture& c = *s.capture;
  const auto branch = size_t(std::find(c.streams.begin(), c.streams.end(), &s) - c.streams.begin());
  c.graph.nodes.push_back({std::move(task), branch, s.captured});
  s.captured = {c.graph.nodes.size() - 1};
}

void join_capture(Stream& s, const Event& e) {
  if (!s.capture) {
    s.capture = e.capture;
    e.capture->streams.push_back(&s);
    s.captured.clear();
  }
  for (const size_t node : e.nodes)
    if (std::find(s.captured.begin(), s.captured.end(), node) == s.captured.end()) s.captured.push_back(node);
}

cudaError_t refuse_capture() {
  auto result = cudaSuccess;
  for (auto& c : all().captures) {
    const bool mine = c->thread == std::this_thread::get_id();
    const bool forbids = c->mode == cudaStreamCaptureModeGlobal ? mine || thread_mode == cudaStreamCaptureModeGlobal : c->mode == cudaStreamCaptureModeThreadLocal && mine;
    if (!forbids || thread_mode == cudaStreamCaptureModeRelaxed) continue;
    c->invalid = true;
    result = cudaErrorStreamCaptureUnsupported;
  }
  return result;
}

namespace {
cudaError_t capture_status(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id) {
  const Stream* s = stream_of(stream);
  if (!s) return cudaErrorInvalidResourceHandle;
  if (s == stream_of(nullptr))
    for (const auto& c : all().captures)
      if (std::any_of(c->streams.begin(), c->streams.end(), [](const Stream* each) { return each->blocking; })) return cudaErrorStreamCaptureImplicit;
  *status = !s->capture ? cudaStreamCaptureStatusNone : s->capture->invalid ? cudaStreamCaptureStatusInvalidated : cudaStreamCaptureStatusActive;
  if (id && s->capture) *id = s->capture->id;
  return cudaSuccess;
}

cudaError_t replay(Executable& e, Stream& s, const Origin& origin) {
  if (s.capture) return cudaErrorStreamCaptureUnsupported;  // graphs within graphs
  const Graph& g = e.graph;
  while (e.streams.size() + 1 < g.branches) e.streams.push_back(create_stream(false));
  auto begin = point_in(s);
  std::vector<PointPtr> before;
  if (e.last) before.push_back(e.last);
  if (const auto error = enqueue(s, {origin, {}, before, {}, begin})) return error;
  std::vector<PointPtr> points;
  for (const Node& node : g.nodes) {
    Stream& branch = node.branch == 0 ? s : *e.streams[node.branch - 1];
    points.push_back(point_in(branch));
    Task task = node.task;
    task.point = points.back();
    task.after = {begin};
    for (const size_t i : node.after) task.after.push_back(points[i]);
    if (const auto error = enqueue(branch, std::move(task))) return error;
  }
  e.last = point_in(s);
  return enqueue(s, {origin, {}, points, {}, e.last});
}
}  // namespace

}  // namespace mica::emulator

using namespace mica::emulator;
extern "C" {
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return call(__func__, [&] {
    Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (s == stream_of(nullptr)) return cudaErrorStreamCaptureUnsupported;
    if (s->capture) return cudaErrorIllegalState;
    auto& c = all().captures.emplace_back(std::make_unique<Capture>());
    c->origin = s;
    c->streams = {s};
    c->mode = mode;
    c->thread = std::this_thread::get_id();
    static unsigned long long ids = 0;
    c->id = ++ids;
    s->capture = c.get();
    s->captured.clear();
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  return call(__func__, [&] {
    *graph = nullptr;
    Stream* s = stream_of(stream);
    if (!s) return cudaErrorInvalidResourceHandle;
    if (!s->capture) return cudaErrorIllegalState;
    Capture& c = *s->capture;
    if (c.origin != s) return cudaErrorStreamCaptureUnmatched;
    if (c.mode != cudaStreamCaptureModeRelaxed && c.thread != std::this_thread::get_id()) return cudaErrorStreamCaptureWrongThread;
    auto error = c.invalid ? cudaErrorStreamCaptureInvalidated : all_joined(c.graph, s->captured) ? cudaSuccess : cudaErrorStreamCaptureUnjoined;
    for (Stream* each : c.streams) each->capture = nullptr;
    forget_capture(c);
    if (error == cudaSuccess) {
      c.graph.branches = c.streams.size();
      *graph = reinterpret_cast<cudaGraph_t>(all().graphs.emplace_back(std::make_unique<Graph>(std::move(c.graph))).get());
    }
    drop(all().captures, &c);
    return error;
  });
}
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  return call(__func__, [&] { return capture_status(stream, status, nullptr); });
}
// Of the graph itself nothing is told.
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id, cudaGraph_t* graph, const cudaGraphNode_t** after,
                                     const cudaGraphEdgeData** edges, size_t* count) {
  return call(__func__, [&] { return graph || after || edges || count ? cudaErrorInvalidValue : capture_status(stream, status, id); });
}
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  return call(__func__, [&] {
    std::swap(*mode, thread_mode);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  return call(__func__, [&] {
    const Graph* g = find(all().graphs, graph);
    if (!g || nodes) return cudaErrorInvalidValue;  // only counted
    *count = g->nodes.size();
    return cudaSuccess;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return call(__func__, [&] {
    if (flags) return cudaErrorInvalidValue;  // none is emulated
    const Graph* g = find(all().graphs, graph);
    if (!g) return cudaErrorInvalidValue;
    auto& e = all().executables.emplace_back(std::make_unique<Executable>());
    e->graph = *g;
    *executable = reinterpret_cast<cudaGraphExec_t>(e.get());
    return cudaSuccess;
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Origin origin{__func__, __builtin_return_address(0)};
  return call(__func__, [&] {
    Executable* e = find(all().executables, executable);
    Stream* s = stream_of(stream);
    if (!e) return cudaErrorInvalidValue;
    if (!s) return cudaErrorInvalidResourceHandle;
    return replay(*e, *s, origin);
  });
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  return call(__func__, [&] {
    Executable* e = find(all().executables, executable);
    if (!e) return cudaErrorInvalidValue;
    for (Stream* s : e->streams) destroy_stream(s);
    drop(all().executables, e);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  return call(__func__, [&] {
    const Graph* g = find(all().graphs, graph);
    if (!g) return cudaErrorInvalidValue;
    drop(all().graphs, g);
    return cudaSuccess;
  });
}
}
