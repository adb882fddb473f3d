#include <gtest/gtest.h>
#include <cmath>
#include <random>
#include "mica/core/kernels.h"
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;
using mica::testing::no_gpu;
using Doubles = std::vector<double>;

namespace {
constexpr DType all_dtypes[] = {f64, f32, f16, bf16, i64, i32, u8, boolean};

// What a value of one dtype becomes in another, by the rules of C++ and of the formats.
double converted(double v, DType from, DType to) {
  if (to == boolean) return v != 0;
  if (!is_float(to)) {
    const int64_t i = int64_t(v);
    return to == i64 ? double(i) : to == i32 ? double(int32_t(i)) : double(uint8_t(i));
  }
  (void)from;
  return to == f64 ? v : to == f32 ? double(float(v)) : to == f16 ? double(float(float16(float(v)))) : double(float(bfloat16(float(v))));
}
// x's values in memory of other strides.
Tensor in_other_strides(const Tensor& x, int way) {
  switch (way) {
    case 1: return contiguous(x, Layout::channels_last);
    case 2: { Shape order; for (int i = x.rank(); i-- > 0;) order.push_back(i); return permute(contiguous(permute(x, order)), order); }
    case 3: {  // every other element of a wider tensor
      if (x.rank() == 0) return x;
      Shape shape = x.shape();
      shape[-1] = shape[-1] * 2 + 1;
      const Tensor wide = full(shape, 7, {x.dtype()}), part = slice(wide, -1, 1, to_end, 2);
      copy(x, part);
      return part;
    }
    default: return contiguous(x);
  }
}
}  // namespace

TEST(Tensor, Creation) {
  for (const DType t : all_dtypes)
    for (const Shape& shape : {Shape{}, Shape{3}, Shape{2, 0}, Shape{2, 3, 4}}) {
      for (const auto& [x, v] : {std::pair{zeros(shape, {t}), 0.0}, {ones(shape, {t}), 1.0}, {full(shape, 1, {t}), 1.0}}) {
        EXPECT_EQ(describe(x), name_of(t) + to_string(shape) + " on cpu");
        EXPECT_TRUE(x.is_contiguous());
        EXPECT_EQ(x.to_vector<double>(), Doubles(size_t(shape.count()), v));
      }
      EXPECT_EQ(describe(empty(shape, {t})), name_of(t) + to_string(shape) + " on cpu");
    }
  EXPECT_EQ(full({2}, 3.7, {i32}).to_vector<double>(), (Doubles{3, 3}));
  EXPECT_EQ(full({1}, int64_t(1) << 53 | 1, {i64}).item_i64(), int64_t(1) << 53 | 1);
  EXPECT_EQ(full({1}, 0.5, {boolean}).item(), 1);
  EXPECT_EQ(tensor({1.5, 2}).to_vector<double>(), (Doubles{1.5, 2}));
  EXPECT_EQ(tensor({{1, 2, 3}, {4, 5, 6}}, {i32}).shape(), (Shape{2, 3}));
  EXPECT_EQ(from(std::vector<int32_t>{1, 2}).dtype(), i32);
  EXPECT_EQ(from(std::vector<double>{1, 0, -1}, {3}, {boolean}).to_vector<double>(), (Doubles{1, 0, 1}));
  EXPECT_EQ(describe(Tensor(2)) + describe(Tensor(2.5)) + describe(Tensor(true)), "i64[] on cpuf32[] on cpubool[] on cpu");
  EXPECT_EQ(empty({2, 3, 4, 5}, {}, Layout::channels_last).strides(), (Strides{60, 1, 15, 3}));
}

TEST(Tensor, LikeKeepsPackedStrides) {
  const Tensor x = permute(zeros({2, 3, 4}, {f64}), {2, 0, 1}), part = slice(x, 0, 0, 2);
  for (const Tensor& y : {empty_like(x), zeros_like(x), ones_like(x), full_like(x, 3), clone(x)}) {
    EXPECT_EQ(describe(y), describe(x));
    EXPECT_EQ(y.strides(), x.strides());
    EXPECT_NE(y.body().storage.get(), x.body().storage.get());
  }
  EXPECT_EQ(zeros_like(part).strides(), (Strides{6, 3, 1}));
  EXPECT_EQ(full_like(x, 3).to_vector<double>(), Doubles(24, 3));
}

TEST(Tensor, BorrowedMemoryIsTheCallers) {
  float values[] = {1, 2, 3, 4, 5, 6};
  auto keeper = std::make_shared<int>(0);
  const std::weak_ptr<int> alive = keeper;
  Tensor x = borrow(values, {2, 3}, {f32}, std::move(keeper)), row = x[1];
  EXPECT_EQ(x.data<float>(), values);
  fill(row, 9);
  EXPECT_EQ(values[3], 9);
  x = {};
  EXPECT_FALSE(alive.expired());
  row = {};
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(error_of([&] { borrow(static_cast<void*>(nullptr), {2}, {f32}); }), "borrow: the address is null");
  EXPECT_EQ(error_of([&] { borrow(reinterpret_cast<char*>(values) + 1, {1}, {f32}); }), "borrow: the address is not aligned for f32: it is 1 beyond a multiple of 4");
  EXPECT_EQ(error_of([&] { borrow(values, {-1, 2}); }), "sizes cannot be negative: [-1, 2]");
  EXPECT_EQ(borrow(static_cast<void*>(nullptr), {0, 2}, {f32}).size(), 0);
}

TEST(Tensor, BorrowsWithStrides) {
  float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto strided = [&](const Shape& shape, const Strides& strides) { return borrow(values, shape, strides, {f32}); };
  EXPECT_EQ(strided({2, 3}, {4, 1}).to_vector<double>(), (Doubles{1, 2, 3, 5, 6, 7}));  // rows of 4 of which 3 are used
  EXPECT_EQ(strided({3, 2}, {1, 4}).to_vector<double>(), (Doubles{1, 5, 2, 6, 3, 7}));
  EXPECT_EQ(strided({2, 2}, {0, 1}).to_vector<double>(), (Doubles{1, 2, 1, 2}));
  EXPECT_EQ(strided({1, 2}, {-7, 4}).to_vector<double>(), (Doubles{1, 5}));  // a stride of one element is never taken
  EXPECT_EQ(strided({2, 3}, {4, 1}).body().storage->bytes, 28u);
  fill(strided({2}, {3}), 0);
  EXPECT_EQ(borrow(values, {8}).to_vector<double>(), (Doubles{0, 2, 3, 0, 5, 6, 7, 8}));
  EXPECT_EQ(error_of([&] { strided({2, 3}, {1}); }), "borrow: 1 strides for shape [2, 3]");
  EXPECT_EQ(error_of([&] { strided({2, 3}, {3, -1}); }), "borrow: dimension 1 has stride -1; strides cannot be negative");
  EXPECT_EQ(error_of([&] { strided({2, 3}, {int64_t(1) << 61, 1}); }), "borrow: memory of shape [2, 3] and strides [2305843009213693952, 1] does not fit in 64 bits");
}
TEST(Tensor, BorrowsFromDevicesThatAreThere) {
  float value = 0;
  if (!cuda_available()) EXPECT_EQ(error_of([&] { borrow(&value, {1}, cuda()); }), no_gpu(0));
  else EXPECT_EQ(error_of([&] { borrow(&value, {1}, cuda(60)); }), no_gpu(60));
}

TEST(Tensor, ItemAndVectorConvert) {
  EXPECT_EQ(tensor({2.75}).item(), 2.75);
  EXPECT_EQ(tensor({2.75}).item<int>(), 2);
  EXPECT_EQ(full({1, 1, 1}, 5, {u8}).item<float>(), 5);
  const int64_t large = (int64_t(1) << 60) + 1;
  EXPECT_EQ(from(std::vector{large}, {}).item_i64(), large);
  const Tensor x = tensor({0, 1.5, -2}, {f64});
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{0, 1.5f, -2}));
  EXPECT_EQ(x.to_vector<int64_t>(), (std::vector<int64_t>{0, 1, -2}));
  EXPECT_EQ(x.to_vector<bool>(), (std::vector<bool>{false, true, true}));
  EXPECT_EQ(float(x.to_vector<bfloat16>()[1]), 1.5f);
  EXPECT_EQ(transpose(tensor({{1, 2}, {3, 4}}), 0, 1).to_vector<double>(), (Doubles{1, 3, 2, 4}));
}

TEST(Tensor, CopyBetweenAnyStridesAndDTypes) {
  const Shape shapes[] = {{}, {1}, {7}, {0, 3}, {3, 5}, {2, 3, 4, 5}, {1, 17, 1, 33}, {40, 70}, {3, 1, 2, 1, 2, 3}};
  for (const Shape& shape : shapes)
    for (const DType from : all_dtypes)
      for (const DType to : all_dtypes) {
        Doubles values(size_t(shape.count()));
        for (size_t i = 0; i < values.size(); ++i) values[i] = is_float(from) ? double(i % 23) * 0.375 : from == boolean ? i % 2 : double(i % 100);
        const Tensor plain = mica::from(values, shape, {from});
        Doubles expected = values;
        for (double& v : expected) v = converted(v, from, to);
        for (int a = 0; a < 4; ++a)
          for (int b = 0; b < 4; ++b) {
            const Tensor x = in_other_strides(plain, a), y = in_other_strides(zeros(shape, {to}), b);
            copy(x, y);
            ASSERT_EQ(y.to_vector<double>(), expected) << describe(x) << to_string(x.strides()) << " to " << describe(y) << to_string(y.strides());
          }
      }
}

TEST(Tensor, LargeTransposedCopies) {  // more than one tile and more than one thread
  for (const Shape& shape : {Shape{300, 257}, Shape{5, 70, 130}, Shape{2, 33, 40, 50}})
    for (const DType t : {f32, f64, bf16}) {
      const Tensor x = reshape(cast(arange(0, shape.count(), 1, {f64}), t), shape);
      for (int way = 1; way < 4; ++way) {
        const Tensor y = in_other_strides(x, way);
        ASSERT_EQ(y.to_vector<double>(), x.to_vector<double>()) << to_string(shape) << way;
        ASSERT_EQ(contiguous(y).to_vector<double>(), x.to_vector<double>());
      }
    }
}

TEST(Tensor, CopyBroadcasts) {
  const Tensor y = zeros({2, 3});
  copy(tensor({1, 2, 3}), y);
  EXPECT_EQ(y.to_vector<double>(), (Doubles{1, 2, 3, 1, 2, 3}));
  copy(from(std::vector<int64_t>{7, 8}, {2, 1}), y);
  EXPECT_EQ(y.to_vector<double>(), (Doubles{7, 7, 7, 8, 8, 8}));
  copy(full({}, 1), transpose(y, 0, 1));
  EXPECT_EQ(y.to_vector<double>(), Doubles(6, 1));
}

TEST(Tensor, DetachedTensorsShareDataButNoHistory) {
  const Tensor x = tensor({1, 2}).set_requires_grad(), y = x * 2, z = y.detach();
  EXPECT_FALSE(z.requires_grad());
  EXPECT_TRUE(z.is_leaf());
  EXPECT_EQ(z.data<float>(), y.data<float>());
}

TEST(Tensor, Mistakes) {
  const Tensor x = zeros({2, 3}), none;
  EXPECT_EQ(error_of([&] { x.size(2); }), "dimension 2 is not in [-2, 2)");
  EXPECT_EQ(x.size(-1), 3);
  EXPECT_EQ(error_of([&] { x.item(); }), "item needs a single element, not f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { none.item(); }), "item: the tensor is undefined");
  EXPECT_EQ(error_of([&] { none.data<float>(); }), "the tensor is undefined");
  EXPECT_EQ(error_of([&] { x.data<double>(); }), "data of f32[2, 3] on cpu read as f64");
  EXPECT_EQ(error_of([&] { from(std::vector<float>{1, 2}, {3}); }), "from: 2 values for shape [3], which has 3");
  EXPECT_EQ(error_of([&] { tensor({{1, 2}, {3}}); }), "tensor: rows of 2 and 1 values");
  EXPECT_EQ(error_of([&] { zeros({2, -1}); }), "sizes cannot be negative: [2, -1]");
  EXPECT_EQ(error_of([&] { zeros({int64_t(1) << 40, int64_t(1) << 40}); }), "a tensor of shape [1099511627776, 1099511627776] does not fit in 64 bits");
  EXPECT_EQ(error_of([&] { Shape{1, 1, 1, 1, 1, 1, 1}; }), "a tensor has at most 6 dimensions");
  EXPECT_EQ(error_of([&] { zeros({2}, {i64}).set_requires_grad(); }), "only float tensors can require grad, not i64[2] on cpu");
  EXPECT_EQ(error_of([&] { (tensor({1}).set_requires_grad() * 2).set_requires_grad(false); }), "requires_grad is set on leaves only; use detach()");
  EXPECT_EQ(error_of([&] { x.set_grad(zeros({3})); }), "set_grad: the gradient is f32[3] on cpu, the tensor is f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { x.backward(); }), "backward without dy needs a single element, not f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { full({}, 1).backward(); }), "backward: the tensor does not require grad, nor does anything it was made from");
  EXPECT_EQ(error_of([&] { x.register_hook([](const Tensor&) { return Tensor(); }); }), "register_hook: the tensor does not require grad");
  EXPECT_EQ(error_of([&] { zeros({1}, {f32, cuda(60)}); }), no_gpu(60));
  EXPECT_EQ(error_of([&] { copy(zeros({4}), x); }), "copy: size 4 does not expand to 3\n  from: f32[4] on cpu\n  to:   f32[2, 3] on cpu");
  EXPECT_EQ(error_of([&] { copy(none, x); }), "copy: from is undefined");
  EXPECT_EQ(error_of([&] { copy(x, none); }), "copy: to is undefined");
  EXPECT_EQ(error_of([&] { fill(none, 1); }), "fill: x is undefined");
  EXPECT_EQ(error_of([&] { clone(none); }), "clone: x is undefined");
  EXPECT_EQ(error_of([&] { zeros_like(none); }), "empty_like: x is undefined");
  EXPECT_EQ(error_of([&] { none.to_vector<float>(); }), "to_vector: the tensor is undefined");
  EXPECT_EQ(error_of([&] { none.detach(); }), "detach: the tensor is undefined");
  EXPECT_EQ(error_of([&] { x + none; }), "add: b is undefined\n  a: f32[2, 3] on cpu");
}

TEST(Device, Names) {
  EXPECT_EQ(to_string(cpu) + to_string(cuda(3)), "cpucuda:3");
  EXPECT_EQ(device_from("cpu"), cpu);
  EXPECT_EQ(device_from("auto"), cuda_available() && !MICA_EMULATED ? cuda() : cpu);
  for (const char* name : {"gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "", "CPU", "cuda:99999999999"})
    EXPECT_EQ(error_of([&] { device_from(name); }), "there is no device named '" + std::string(name) + "'; use auto, cpu, cuda or cuda:N");
}

TEST(Shape, Functions) {
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ((Shape{2, 3, 4}).count(), 24);
  EXPECT_EQ((Shape{}).count(), 1);
  EXPECT_EQ((Shape{2, 3})[-1], 3);
  EXPECT_EQ(broadcast({3, 1, 5}, {4, 1}), (Shape{3, 4, 5}));
  EXPECT_EQ(broadcast({}, {2}), Shape{2});
  EXPECT_EQ(broadcast({0}, {1}), Shape{0});
  EXPECT_EQ(error_of([] { broadcast({0}, {2}); }), "sizes 0 and 2 of dimension -1 do not broadcast");
  EXPECT_EQ(strides_of({2, 3, 4, 5}), (Strides{60, 20, 5, 1}));
  EXPECT_EQ(strides_of({2, 3, 4, 5}, Layout::channels_last), (Strides{60, 1, 15, 3}));
  EXPECT_EQ(strides_of({2, 3}, Layout::channels_last), (Strides{3, 1}));
  EXPECT_TRUE(has_layout({2, 1, 4}, {4, 99, 1}, Layout::row_major));  // the stride of a size 1 does not count
  EXPECT_TRUE(has_layout({2, 1, 4, 5}, {20, 1, 5, 1}, Layout::channels_last));
  EXPECT_FALSE(has_layout({2, 3}, {1, 2}, Layout::row_major));
  EXPECT_TRUE(has_layout({0, 3}, {1, 2}, Layout::row_major));
  EXPECT_TRUE(is_packed({2, 3, 4}, {1, 8, 2}));
  EXPECT_FALSE(is_packed({2, 3}, {4, 1}));
  EXPECT_FALSE(is_packed({2, 3}, {0, 1}));
  EXPECT_TRUE(is_packed({}, {}));
}
