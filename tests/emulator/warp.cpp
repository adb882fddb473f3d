#include <algorithm>
#include "mica/tests/emulator/block.h"
#include "mica/tests/emulator/config.h"
#include "mica/tests/emulator/report.h"
// Operations of a warp: lanes leave their values in the warp, the last to arrive computes the results of all.
namespace mica::emulator {
namespace {
const char* const names[] = {"__syncwarp", "a shuffle", "a vote", "__match_any_sync", "a matrix operation"};

template <class F> void each_lane(uint32_t mask, F f) {
  for (; mask; mask &= mask - 1) f(__builtin_ctz(mask));
}

// After a __syncwarp a lane knows of the accesses of every lane in it, and of what those knew.
void learn(Warp& w, uint32_t lanes) {
  uint32_t all[32] = {};
  each_lane(lanes, [&](int i) {
    w.seen[i][i] = ++w.syncs[i];
    for (int j = 0; j < 32; ++j) all[j] = std::max(all[j], w.seen[i][j]);
  });
  each_lane(lanes, [&](int i) { std::copy_n(all, 32, w.seen[i]); });
}
}  // namespace

void Block::meet(uint32_t mask, Collective kind, const char* name, const Place& where) {
  const unsigned thread = running, lane = thread % 32;
  Warp& w = warp();
  now().waits_in = name;
  now().where = where;
  if (!(mask >> lane & 1)) {
    report("warp mask", place(where), thread_name(thread) + ", lane " + std::to_string(lane) + ", calls " + name + " at " + place(where) + " with a mask that lacks its lane");
    w.out[lane] = ~uint64_t(0);
    return;
  }
  size_t i = 0;
  while (i < w.meetings.size() && w.meetings[i].mask != mask) ++i;
  if (i == w.meetings.size()) w.meetings.push_back({mask, 0, kind, where});
  Meeting& m = w.meetings[i];
  if (m.kind != kind)
    report("warp divergence", place(where),
           thread_name(thread) + " calls " + name + " at " + place(where) + " where other lanes of its mask wait in " + names[int(m.kind)] + " at " + place(m.first));
  if (m.kind != kind && (m.kind == Collective::exchange || kind == Collective::exchange)) abandon();  // the others' operands are not there
  m.arrived |= 1u << lane;
  if (m.arrived != (mask & w.live)) return wait();
  complete(w, i, thread / 32);
  if (config().order == Order::forward) {  // the last to arrive goes on
    ready_.last();
    return;
  }
  wait();
}

// Makes all who have arrived ready; the running thread, where it is one of them, last.
void Block::complete(Warp& w, size_t meeting, unsigned warp_number) {
  const Meeting m = w.meetings[meeting];
  w.meetings.erase(w.meetings.begin() + ptrdiff_t(meeting));
  switch (m.kind) {
    case Collective::shuffle:
      each_lane(m.arrived, [&](int lane) {
        const int source = w.source[lane];
        if (m.arrived >> source & 1) {
          w.out[lane] = w.in[source];
          return;
        }
        w.out[lane] = ~uint64_t(0);
        const Place& where = threads_[warp_number * 32 + unsigned(lane)].where;
        report("shuffle from an inactive lane", place(where),
               thread_name(warp_number * 32 + unsigned(lane)) + ", lane " + std::to_string(lane) + ", reads lane " + std::to_string(source) + ", which takes no part, at " +
                   place(where));
      });
      break;
    case Collective::ballot: {
      uint32_t votes = 0;
      each_lane(m.arrived, [&](int lane) { votes |= uint32_t(w.in[lane] != 0) << lane; });
      each_lane(m.arrived, [&](int lane) { w.out[lane] = votes; });
      break;
    }
    case Collective::match:
      each_lane(m.arrived, [&](int lane) {
        uint32_t equal = 0;
        each_lane(m.arrived, [&](int other) { equal |= uint32_t(w.in[other] == w.in[lane]) << other; });
        w.out[lane] = equal;
      });
      break;
    case Collective::exchange:
      if (m.arrived == ~0u) break;
      report("warp divergence", place(m.first), "a matrix operation at " + place(m.first) + " by " + std::to_string(__builtin_popcount(m.arrived)) + " lanes of a warp");
      abandon();
    case Collective::sync:  // the others order no memory
      if constexpr (detects_races) learn(w, m.arrived);
  }
  const unsigned self = running / 32 == warp_number && (m.arrived >> (running % 32) & 1) ? running % 32 : 32;
  each_lane(m.arrived, [&](int lane) {
    if (unsigned(lane) != self) ready_.push(warp_number * 32 + unsigned(lane));
  });
  if (self < 32) ready_.push(running);
}

}  // namespace mica::emulator
