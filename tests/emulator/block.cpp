#include "mica/tests/emulator/block.h"
#include <algorithm>
#include <atomic>
#include <cstring>
#include <numeric>
#include "mica/tests/emulator/asan.h"
#include "mica/tests/emulator/grid.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/thread.h"

__thread uint3 threadIdx, blockIdx;
__thread mica::emulator::Extent blockDim, gridDim;

namespace mica::emulator {

__thread Block* current_block = nullptr;
Block& block() {
  thread_local Block mine;
  return *(current_block = &mine);
}

namespace {
uint3 index_of(unsigned i, const uint3& size) { return {i % size.x, i / size.x % size.y, i / size.x / size.y}; }
bool same(const Place& a, const Place& b) {
  return a.line() == b.line() && a.column() == b.column() && (a.file_name() == b.file_name() || !std::strcmp(a.file_name(), b.file_name()));
}
std::string text(const uint3& i) { return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")"; }
}  // namespace

Block::Block() : threads_(1024), warps_(32) { root_ = thread_fiber(); }

std::string Block::thread_name(const Launch& launch, unsigned block, unsigned thread) {
  return "thread " + text(index_of(thread, launch.block)) + " of block " + text(index_of(block, launch.grid));
}

void Block::run(const Launch& l, uint64_t linear) {
  static std::atomic<uint64_t> serials{1};
  launch = &l;
  serial = serials++;
  number = uint32_t(linear);
  blockIdx = index_of(number, l.grid);
  blockDim = {l.block.x, l.block.y, l.block.z};
  gridDim = {l.grid.x, l.grid.y, l.grid.z};
  count = l.block.x * l.block.y * l.block.z;
  next_ = done_ = epoch = 0;
  votes[0] = votes[2] = 0, votes[1] = 1;
  waiting_.clear();
  ready_.clear();
  for (unsigned i = 0; i * 32 < count; ++i) {
    const unsigned lanes = std::min(32u, count - i * 32);
    warps_[i].live = lanes == 32 ? ~0u : (1u << lanes) - 1;
    warps_[i].meetings.clear();
    if constexpr (detects_races) std::memset(warps_[i].syncs, 0, sizeof warps_[i].syncs), std::memset(warps_[i].seen, 0, sizeof warps_[i].seen);
  }
  const Order order = config().order;
  random_.state = config().seed * 0x2545F4914F6CDD1Du + number;
  if (order == Order::forward) order_.clear();
  else {
    order_.resize(count);
    std::iota(order_.rbegin(), order_.rend(), 0u);
    if (order == Order::random)
      for (unsigned i = count; i > 1; --i) std::swap(order_[i - 1], order_[random_.below(i)]);
  }
  static_bytes_ = 0;
  dynamic = l.shared_bytes ? place_shared(l.shared_bytes, 128, "dynamic shared memory") : nullptr;
  active = true;
  current_ = &root_;
  switch_to(fibers_.take());
  active = false;
  race::end_block();
  end_shared();
}

void Block::switch_to(Fiber& to) {
  Fiber& from = *current_;
  if (&from == &to) return;
  current_ = &to;
  switch_fiber(from, to);
}

void Block::entry() {
  finish_switch(nullptr);
  current_block->loop();
}

void Block::loop() {
  for (;;) {
    if (!ready_.empty()) {
      Fiber& to = *threads_[next_ready()].fiber;
      fibers_.give(*current_);
      switch_to(to);
    } else if (next_ < count) {
      start(order_.empty() ? next_ : order_[next_]);
    } else if (done_ == count) {
      fibers_.give(*current_);
      switch_to(root_);
    } else {
      report_deadlock();
      abandon();
    }
  }
}

void Block::start(unsigned thread) {
  ++next_;
  running = thread;
  if (launch->block.y == 1 && launch->block.z == 1) threadIdx = {thread, 0, 0};
  else threadIdx = index_of(thread, launch->block);
  now().fenced = false;
  now().groups = 0;
  now().copies.clear();
  launch->body();
  finish(running);
}

void Block::finish(unsigned thread) {
  if (!done_++) first_done_ = thread;
  Warp& w = warp_of(thread);
  w.live &= ~(1u << (thread % 32));
  for (size_t i = 0; i < w.meetings.size(); ++i)  // lanes that have returned are not waited for
    if (w.meetings[i].arrived == (w.meetings[i].mask & w.live)) complete(w, i--, thread / 32);
  if (!waiting_.empty() && waiting_.size() == count - done_) release_barrier();
}

unsigned Block::next_ready() {
  switch (config().order) {
    case Order::forward: return ready_.first();
    case Order::reverse: return ready_.last();
    default: return ready_.any(random_.below(ready_.size()));
  }
}

// The running thread stays here until somebody puts it into ready_.
void Block::wait() {
  const unsigned thread = running;
  now().index = threadIdx;
  now().fiber = current_;
  if (!ready_.empty()) switch_to(*threads_[next_ready()].fiber);
  else if (next_ < count) switch_to(fibers_.take());
  else {
    report_deadlock();
    abandon();
  }
  running = thread;
  threadIdx = now().index;
}

void Block::abandon() {
  device_failed();
  race::end_block();
  fibers_.abandon_all();  // this one too: what lies on it is not used after the switch
  current_ = &root_;
  leave_fiber(root_);
}

void Block::barrier(const char* name, const Place& where) {
  now().waits_in = name;
  now().where = where;
  waiting_.push_back(running);
  if (waiting_.size() < count - done_) return wait();
  release_barrier();
  if (config().order == Order::forward) {  // the last to arrive goes on
    ready_.last();
    return;
  }
  wait();
}

void Block::release_barrier() {
  const Thread& first = threads_[waiting_[0]];
  for (const unsigned other : waiting_)
    if (!same(threads_[other].where, first.where)) {
      report("barrier divergence", place(first.where),
             thread_name(waiting_[0]) + " waits in " + first.waits_in + " at " + place(first.where) + ", " + thread_name(other) + " in " + threads_[other].waits_in +
                 " at " + place(threads_[other].where));
      break;
    }
  if (done_)
    report("barrier after exit", place(first.where),
           std::to_string(done_) + " of " + std::to_string(count) + " threads returned without " + first.waits_in + " at " + place(first.where) + "; " +
               thread_name(first_done_) + " was the first");
  std::copy_n(votes, 3, results[epoch % 2]);
  votes[0] = votes[2] = 0, votes[1] = 1;
  ++epoch;
  for (const unsigned thread : waiting_) ready_.push(thread);
  waiting_.clear();
}

void Block::report_deadlock() {
  std::string who;
  const Place* first = nullptr;
  int named = 0;
  const auto add = [&](unsigned thread) {
    const Thread& t = threads_[thread];
    if (!first) first = &t.where;
    if (++named <= 4) who += (named > 1 ? ", " : "") + thread_name(thread) + " in " + t.waits_in + " at " + place(t.where);
  };
  if (!waiting_.empty()) add(waiting_[0]);
  for (unsigned w = 0; w * 32 < count; ++w)
    for (const Meeting& m : warps_[w].meetings) add(w * 32 + unsigned(__builtin_ctz(m.arrived)));
  report("deadlock", first ? place(*first) : "",
         std::to_string(count - done_) + " threads of block " + std::to_string(number) + " wait for each other: " + who + (named > 4 ? ", ..." : "") +
             "; the block was ended");
}

}  // namespace mica::emulator
