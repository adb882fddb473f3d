#include "mica/tests/emulator/stream.h"
#include <algorithm>
#include <utility>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/capture.h"
#include "mica/tests/emulator/config.h"
#include "mica/tests/emulator/grid.h"
#include "mica/tests/emulator/pinned.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/random.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/runtime.h"
namespace mica::emulator {
namespace {
struct Streams {
  std::vector<std::unique_ptr<Stream>> all;  // [0] is the default stream
  std::vector<uint32_t> counts;              // tasks run so far, by number of stream: a number that is used again counts on
  Clock host;
  Random random;
  Streams() { add(true); }
  Stream* add(bool blocking) {
    auto s = std::make_unique<Stream>();
    while (std::any_of(all.begin(), all.end(), [&](auto& other) { return other->id == s->id; })) ++s->id;
    if (counts.size() <= s->id) counts.push_back(0);
    s->blocking = blocking;
    s->done = counts[s->id];
    return all.emplace_back(std::move(s)).get();
  }
};
Streams& all() {
  static Streams& result = *new Streams;
  return result;
}
Stream& default_stream() { return *all().all[0]; }

void step(Stream& s) {
  Task task = std::move(s.queue.front());
  s.queue.pop_front();
  s.clock.join(task.known);
  for (const auto& point : task.after) {
    finish(point);
    s.clock.join(point->clock);
  }
  s.clock.set(s.id, ++s.done);
  if (task.run) {
    for (const auto& use : task.uses) unpin(use);
    const PinnedScope pinned;
    race::begin_task(s.id, s.done, s.clock, task.origin);
    if (task.host) {
      const HostFunctionScope forbids;
      const ShutScope shut;
      task.run();
    } else {
      const AccessScope access;
      task.run();
    }
    race::end_task();
  }
  if (!task.point) return;
  task.point->clock = s.clock;
  task.point->time = std::chrono::steady_clock::now();
  task.point->reached = true;
}

// The default stream waits for all blocking ones, and they for it (the legacy rule of the runtime).
void default_stream_rule(Stream& s, Task& task) {
  if (&s == &default_stream()) {
    for (auto& other : all().all)
      if (other->blocking && other.get() != &s) {
        if (other->queue.empty()) task.known.join(other->clock);
        else task.after.push_back(mark(*other, task.origin));
      }
  } else if (s.blocking) {
    if (default_stream().queue.empty()) task.known.join(default_stream().clock);
    else {
      auto point = point_in(default_stream());
      default_stream().queue.push_back({task.origin, {}, {}, {}, point});
      task.after.push_back(point);
    }
  }
}
}  // namespace

std::string Origin::text() const {
  if (!code) return std::string(function) + " launched at " + place(where);
  return std::string(function) + " called at " + place(code);
}

Stream* stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) return &default_stream();
  for (const auto& s : all().all)
    if (s.get() == reinterpret_cast<Stream*>(handle) && !s->destroyed) return s.get();
  return nullptr;
}
PointPtr point_in(Stream& s) {
  auto point = std::make_shared<Point>();
  point->stream = &s;
  return point;
}
Stream* create_stream(bool blocking) { return all().add(blocking); }
void destroy_stream(Stream* s) {
  s->destroyed = true;
  if (!s->queue.empty()) return;  // it goes when it has run
  all().counts[s->id] = s->done;
  std::erase_if(all().all, [s](auto& other) { return other.get() == s; });
}
size_t streams() {
  return size_t(std::count_if(all().all.begin() + 1, all().all.end(), [](auto& s) { return !s->destroyed; }));
}

cudaError_t enqueue(Stream& s, Task task) {
  if (s.capture) {
    if (s.capture->invalid) return cudaErrorStreamCaptureInvalidated;
    capture_task(s, std::move(task));
    return cudaSuccess;
  }
  if (&s == &default_stream())
    for (auto& other : all().all)
      if (other->capture && other->blocking) {
        other->capture->invalid = true;
        return cudaErrorStreamCaptureImplicit;
      }
  task.known.join(all().host);
  default_stream_rule(s, task);
  for (auto& use : task.uses) pin(use, task.origin);
  s.queue.push_back(std::move(task));
  if (!config().lazy) finish(s);
  return cudaSuccess;
}

PointPtr mark(Stream& s, const Origin& origin) {
  auto point = point_in(s);
  s.queue.push_back({origin, {}, {}, {}, point, all().host});
  if (!config().lazy) finish(s);
  return point;
}

void finish(const PointPtr& point) {
  const AccessScope open;  // once for all tasks: closing costs time for every page
  while (!point->reached) step(*point->stream);
  all().host.join(point->clock);
}
void finish(Stream& s) {
  const AccessScope open;
  while (!s.queue.empty()) step(s);
  all().host.join(s.clock);
}
void finish_all() {
  const AccessScope open;  // once for all tasks: closing costs time for every page
  auto& streams = all();
  std::vector<Stream*> order;
  for (auto& s : streams.all) order.push_back(s.get());
  if (config().order == Order::reverse) std::reverse(order.begin(), order.end());
  if (config().order == Order::random)
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[streams.random.below(unsigned(i))]);
  for (Stream* s : order) finish(*s);
  for (Stream* s : order)
    if (s->destroyed) destroy_stream(s);
}
bool idle(const Stream& s) { return s.queue.empty(); }

}  // namespace mica::emulator
