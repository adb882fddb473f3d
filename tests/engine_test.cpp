#include <gtest/gtest.h>
#include <pthread.h>
#include "mica/mica.h"

using namespace mica;

static Tensor leaf(double v, const Shape& shape = {2}) { return full(shape, v, {f64}).set_requires_grad(); }

static std::string message(const std::function<void()>& f) {
  try { f(); } catch (const Error& e) { return e.what(); }
  return "(nothing thrown)";
}

static void* million_ops(void* result) {
  Tensor x = leaf(0.5, {1}), y = x;
  for (int i = 0; i < 1000000; ++i) y = y + x;
  y.backward();
  Tensor kept = leaf(0.5, {1}), z = kept;
  for (int i = 0; i < 1000000; ++i) z = sigmoid(z);  // dropped without backward
  z = {};
  *static_cast<double*>(result) = x.grad().item();
  return nullptr;
}

TEST(Engine, AMillionOpsOnASmallStack) {
  double sum = 0;
  pthread_t thread;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 256 << 10);
  ASSERT_EQ(pthread_create(&thread, &small, million_ops, &sum), 0);
  pthread_join(thread, nullptr);
  EXPECT_EQ(sum, 1000001);
}

TEST(Engine, LeavesGetMemoryOfTheirOwn) {  // da = db = dy is one tensor
  Tensor a = leaf(1), b = leaf(2), dy = full({2}, 1, {f64});
  Tensor s = a + b;
  s.backward(dy);
  EXPECT_NE(a.grad().data<double>(), b.grad().data<double>());
  EXPECT_NE(a.grad().data<double>(), dy.data<double>());
}

TEST(Engine, AccumulatesSharedGradients) {
  Tensor a = leaf(1), b = leaf(2), dy = full({2}, 1, {f64});
  Tensor s = a + b;
  ((s + s) + (s + a)).backward(dy);
  EXPECT_EQ(a.grad()[0].item(), 4);
  EXPECT_EQ(b.grad()[0].item(), 3);
  EXPECT_EQ(dy[0].item(), 1);
}

TEST(Engine, EachCallRunsOnce) {
  Tensor a = leaf(1, {1}), t = a;
  for (int i = 0; i < 10; ++i) t = t + t;  // 2^10 paths, 10 ops
  t.backward();
  EXPECT_EQ(a.grad().item(), 1024);
}

TEST(Engine, ASecondBackwardIsRefusedUnlessRetained) {
  Tensor a = leaf(3, {1}), y = a * a;
  y.backward({.retain_graph = true});
  y.backward();
  EXPECT_EQ(a.grad().item(), 12);
  EXPECT_EQ(message([&] { y.backward(); }), "multiply: backward a second time: what it saved is released; pass {.retain_graph = true} to the first backward");
}

TEST(Engine, NoGradRecordsNothing) {
  Tensor a = leaf(1);
  NoGrad no_grad;
  EXPECT_FALSE((a + a).requires_grad());
}

TEST(Engine, AWriteThroughAViewIsNoticed) {
  Tensor w = full({2, 2}, 1, {f64}), row = slice(w, 0, 0, 1);
  Tensor y = w * leaf(1, {2, 2});
  fill(row, 3);
  EXPECT_EQ(message([&] { y.backward(ones({2, 2}, {f64})); }),
            "multiply: backward needs a as it was, but fill has written to it since\n  a: f64[2, 2] on cpu\n  b: f64[2, 2] on cpu");
}

TEST(Engine, InPlaceWritesNeedNoGrad) {
  Tensor a = leaf(1);
  EXPECT_EQ(message([&] { fill(a, 0); }), "fill: x requires grad and in-place writes are not differentiated; use NoGrad, or full_like\n  x: f64[2] on cpu");
  NoGrad no_grad;
  fill(a, 5);
  EXPECT_EQ(a[0].item(), 5);
}

TEST(Engine, HooksSeeTheCompleteGradientAndMayReplaceIt) {
  Tensor a = leaf(2, {1});
  int calls = 0;
  const int64_t id = a.register_hook([&](const Tensor& g) { ++calls; EXPECT_EQ(g.item(), 7); return g * 10; });
  (a * 3 + a * 4).backward();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(a.grad().item(), 70);
  a.remove_hook(id);
  Tensor y = a * 2;
  y.register_hook([](const Tensor& g) { return g * 5; });
  y.retain_grad();
  (y + y).backward();
  EXPECT_EQ(a.grad().item(), 70 + 20);
  EXPECT_EQ(y.grad().item(), 10);
}

TEST(Engine, SlicesAddIntoTheirPlace) {
  Tensor a = leaf(1, {4});
  (slice(a, 0, 0, 3) + slice(a, 0, 1, 4)).backward(ones({3}, {f64}));
  EXPECT_EQ(a.grad().to_vector<double>(), (std::vector<double>{1, 2, 2, 1}));
}
