#include "mica/cpu/parallel.h"
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;

namespace {
struct Threads {
  int before = threads();
  explicit Threads(int n) { set_threads(n); }
  ~Threads() { set_threads(before); }
};
}  // namespace

TEST(Parallel, CoversEveryIndexOnce) {
  for (const int t : {1, 2, 3, 7}) {
    const Threads with(t);
    for (const int64_t n : {0, 1, 2, 5, 100, 1001})
      for (const int64_t grain : {0, 1, 3, 100, 5000}) {
        std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
        std::atomic<int> parts{0};
        parallel_for(n, grain, [&](int64_t begin, int64_t end) {
          EXPECT_LT(begin, end);
          ++parts;
          for (int64_t i = begin; i < end; ++i) ++hits[size_t(i)];
        });
        for (auto& h : hits) ASSERT_EQ(h, 1);
        EXPECT_LE(parts, t);
        if (n > grain && n > 0) { EXPECT_EQ(parts, parallel_parts(n, grain)) << n << " " << grain; }
        if (n >= t * std::max<int64_t>(grain, 1) && n > grain) { EXPECT_EQ(parts, t); }
      }
  }
}

TEST(Parallel, TheFirstExceptionComesBack) {
  const Threads with(4);
  for (int i = 0; i < 20; ++i) {
    std::atomic<int> finished{0};
    const auto run = [&] {
      parallel_for(100, 1, [&](int64_t begin, int64_t) {
        if (begin >= 50) throw Error("part of the upper half");
        ++finished;
      });
    };
    EXPECT_EQ(error_of(run), "part of the upper half");
    EXPECT_EQ(finished, 2);  // the others ran to their end
  }
  EXPECT_THROW(parallel_for(100, 1, [](int64_t, int64_t) { throw std::bad_alloc(); }), std::bad_alloc);
  std::atomic<int64_t> sum{0};
  parallel_for(100, 1, [&](int64_t begin, int64_t end) { for (int64_t i = begin; i < end; ++i) sum += i; });
  EXPECT_EQ(sum, 4950);
}

TEST(Parallel, InsideAnotherRegionItIsSerial) {
  const Threads with(4);
  std::atomic<int> inner{0};
  parallel_for(4, 1, [&](int64_t, int64_t) {
    EXPECT_EQ(parallel_parts(1000, 1), 1);
    const auto self = std::this_thread::get_id();
    parallel_for(1000, 1, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(end - begin, 1000);
      EXPECT_EQ(std::this_thread::get_id(), self);
      ++inner;
    });
  });
  EXPECT_EQ(inner, 4);
  EXPECT_EQ(parallel_parts(1000, 1), 4);
  {
    const SerialScope serial;
    EXPECT_EQ(parallel_parts(1000, 1), 1);
  }
  EXPECT_EQ(parallel_parts(1000, 1), 4);
}

TEST(Parallel, SeveralThreadsMayUseItAtOnce) {
  const Threads with(2);
  std::vector<std::thread> callers;
  std::atomic<int64_t> total{0};
  for (int c = 0; c < 4; ++c)
    callers.emplace_back([&] {
      for (int i = 0; i < 20; ++i) parallel_for(1000, 10, [&](int64_t begin, int64_t end) { total += end - begin; });
    });
  for (std::thread& t : callers) t.join();
  EXPECT_EQ(total, 4 * 20 * 1000);
}

TEST(Parallel, NumberOfThreads) {
  EXPECT_GE(threads(), 1);
  EXPECT_EQ(error_of([] { set_threads(0); }), "set_threads: 0 threads; at least 1 is needed");
  const Threads with(3);
  EXPECT_EQ(threads(), 3);
}

TEST(Parallel, AForkedChildComputesAlone) {
  const Threads with(4);
  const Tensor x = ones({1 << 18});
  const double sum = (x + x).to_vector<double>()[100];  // a team exists from now on
  const pid_t child = fork();
  if (child == 0) {
    bool right = parallel_parts(1 << 20, 1) == 1;
    const Tensor y = x * 3;  // would wait for threads that did not come along
    right = right && y.to_vector<double>()[12345] == 3;
    _exit(right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(sum, 2);
  EXPECT_EQ(parallel_parts(1 << 20, 1), 4);  // the parent goes on
}
