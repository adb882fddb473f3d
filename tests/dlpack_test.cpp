#include <gtest/gtest.h>
#include <thread>
#include "mica/core/dlpack_internal.h"
#include "mica/mica.h"
#include "op_case.h"
// The structs are filled in and read by hand here; tests/dlpack_peer/ exchanges tensors with NumPy and PyTorch.
using namespace mica;
using namespace mica::testing;
using Doubles = std::vector<double>;

namespace {
constexpr DType all_dtypes[] = {f64, f32, f16, bf16, i64, i32, u8, boolean};

// A tensor as another library would offer it: f32[2, 3], row-major, counting how often it is deleted.
template <class Managed> struct Offer {
  alignas(64) float values[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  int64_t shape[8] = {2, 3}, strides[8] = {3, 1};
  int deleted = 0;
  Managed managed{};
  Offer() {
    managed.dl_tensor = {values, 1, 0, 2, 2, 32, 1, shape, strides, 0};
    managed.manager_ctx = this;
    managed.deleter = [](Managed* self) { ++static_cast<Offer*>(self->manager_ctx)->deleted; };
    if constexpr (requires { managed.major; }) managed.major = 1;
  }
  dlpack::Array& array() { return managed.dl_tensor; }
  Doubles read() { return from_dlpack(&managed).template to_vector<double>(); }
  // Refused, and still the caller's.
  std::string refusal() {
    const std::string why = error_of([&] { from_dlpack(&managed); });
    EXPECT_EQ(deleted, 0);
    return why;
  }
};
using Old = Offer<DLManagedTensor>;
using Versioned = Offer<DLManagedTensorVersioned>;
}  // namespace

TEST(Dlpack, DescribesEveryDtype) {
  const int codes[] = {2, 2, 2, 4, 0, 0, 1, 6}, bits[] = {64, 32, 16, 16, 64, 32, 8, 8};
  for (const DType dtype : all_dtypes) {
    const Tensor x = cast(arange(6), dtype);
    DLManagedTensor* out = to_dlpack(reshape(x, {2, 3}));
    const dlpack::Array& a = out->dl_tensor;
    EXPECT_EQ(a.data, x.body().storage->data);
    EXPECT_EQ(a.code, codes[size_t(dtype)]);
    EXPECT_EQ(a.bits, bits[size_t(dtype)]);
    EXPECT_EQ(a.lanes, 1);
    EXPECT_EQ(a.device_type, 1);
    EXPECT_EQ(a.device_id, 0);
    EXPECT_EQ(a.byte_offset, 0u);
    ASSERT_EQ(a.ndim, 2);
    EXPECT_EQ(std::vector(a.shape, a.shape + 2), (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(std::vector(a.strides, a.strides + 2), (std::vector<int64_t>{3, 1}));
    const Tensor back = from_dlpack(out);
    EXPECT_EQ(describe(back), describe(reshape(x, {2, 3})));
    EXPECT_EQ(back.to_vector<double>(), x.to_vector<double>());
    EXPECT_EQ(back.body().storage->data, x.body().storage->data);
  }
}

TEST(Dlpack, ViewsShareTheirMemory) {
  const Tensor x = reshape(arange(0, 24, 1, {f32}), {2, 3, 4});
  for (const Tensor& view : {permute(x, {2, 0, 1}), slice(x, 2, 1, 4, 2), x[1], expand(slice(x, 1, 0, 1), {2, 5, 4}), full({}, 3, {f32}), zeros({0, 3}), contiguous(reshape(x, {1, 2, 3, 4}), Layout::channels_last)}) {
    DLManagedTensorVersioned* out = to_dlpack_versioned(view);
    EXPECT_EQ(out->major, 1u);
    EXPECT_EQ(out->flags, 0u);
    EXPECT_EQ(out->dl_tensor.data == nullptr, view.size() == 0);
    const Tensor back = from_dlpack(out);
    EXPECT_EQ(describe(back), describe(view));
    if (view.size()) { EXPECT_EQ(back.strides(), view.strides()); }
    EXPECT_EQ(back.to_vector<double>(), view.to_vector<double>());
  }
  const Tensor back = from_dlpack(to_dlpack(slice(x, 2, 1, 3)));
  fill(back, -1);
  EXPECT_EQ(sum(x).item(), 276 - (1 + 2 + 5 + 6 + 9 + 10 + 13 + 14 + 17 + 18 + 21 + 22) - 12);
}

TEST(Dlpack, MemoryLivesAsLongAsItIsUsed) {
  auto keeper = std::make_shared<int>(0);
  const std::weak_ptr<int> alive = keeper;
  float values[] = {1, 2, 3};
  Tensor x = borrow(values, {3}, {f32}, std::move(keeper));
  DLManagedTensor* out = to_dlpack(x);
  x = {};
  EXPECT_FALSE(alive.expired());
  std::thread([&] { out->deleter(out); }).join();
  EXPECT_TRUE(alive.expired());

  Old offer;
  Tensor y = from_dlpack(&offer.managed), row = y[1], other = y;
  y = other = {};
  EXPECT_EQ(offer.deleted, 0);
  EXPECT_EQ(row.to_vector<double>(), (Doubles{4, 5, 6}));
  row = {};
  EXPECT_EQ(offer.deleted, 1);

  Versioned versioned;
  Tensor z = from_dlpack(&versioned.managed).set_requires_grad(), loss = sum(z * z);
  z = {};
  EXPECT_EQ(versioned.deleted, 0);  // the tape has saved it
  loss.backward();
  loss = {};
  EXPECT_EQ(versioned.deleted, 1);

  Old kept;
  kept.managed.deleter = nullptr;
  EXPECT_EQ(kept.read(), (Doubles{1, 2, 3, 4, 5, 6}));
}

TEST(Dlpack, ReadsWhatOthersOffer) {
  Old offer;
  EXPECT_EQ(offer.read(), (Doubles{1, 2, 3, 4, 5, 6}));
  offer.array().strides = nullptr;
  EXPECT_EQ(offer.read(), (Doubles{1, 2, 3, 4, 5, 6}));
  offer.array().byte_offset = 8;
  EXPECT_EQ(offer.read(), (Doubles{3, 4, 5, 6, 7, 8}));
  offer.array().byte_offset = 0;
  offer.array().strides = offer.strides;
  offer.strides[0] = 1, offer.strides[1] = 2;
  EXPECT_EQ(offer.read(), (Doubles{1, 3, 5, 2, 4, 6}));
  offer.strides[0] = 0;
  EXPECT_EQ(offer.read(), (Doubles{1, 3, 5, 1, 3, 5}));
  offer.shape[0] = 1, offer.strides[0] = -9;
  EXPECT_EQ(offer.read(), (Doubles{1, 3, 5}));
  offer.array().device_type = 3;  // pinned
  EXPECT_EQ(describe(from_dlpack(&offer.managed)), "f32[1, 3] on cpu");
  offer.array().ndim = 0;
  offer.array().shape = offer.array().strides = nullptr;
  EXPECT_EQ(offer.read(), (Doubles{1}));
  offer.array().ndim = 6;
  offer.array().shape = offer.shape;
  for (int64_t& n : offer.shape) n = 1;
  EXPECT_EQ(offer.read(), (Doubles{1}));
  offer.shape[3] = 0;
  offer.array().data = nullptr;
  EXPECT_EQ(offer.read(), (Doubles{}));
  EXPECT_EQ(offer.deleted, 10);
}

TEST(Dlpack, RefusesWhatItCannotHold) {
  const auto refused = [](auto change) { Old offer; change(offer, offer.array()); return offer.refusal(); };
  EXPECT_EQ(refused([](auto&, auto& a) { a.lanes = 4; }), "from_dlpack: elements of 4 lanes; mica's have 1");
  EXPECT_EQ(refused([](auto&, auto& a) { a.code = 5; a.bits = 64; }),
            "from_dlpack: type code 5 of 64 bits is none of mica's dtypes (f64, f32, f16, bf16, i64, i32, u8, bool)");
  EXPECT_EQ(refused([](auto&, auto& a) { a.code = 0; a.bits = 8; }), "from_dlpack: type code 0 of 8 bits is none of mica's dtypes (f64, f32, f16, bf16, i64, i32, u8, bool)");
  EXPECT_EQ(refused([](auto&, auto& a) { a.device_type = 10; }), "from_dlpack: device type 10 is none of mica's (1: cpu, 2: cuda, 3: pinned memory)");
  EXPECT_EQ(refused([](auto&, auto& a) { a.device_type = 2; a.device_id = -1; }), "from_dlpack: device number -1");
  EXPECT_EQ(refused([](auto&, auto& a) { a.device_type = 2; a.device_id = 60; }), no_gpu(60));
  EXPECT_EQ(refused([](auto&, auto& a) { a.ndim = 7; }), "from_dlpack: 7 dimensions; mica's tensors have up to 6");
  EXPECT_EQ(refused([](auto&, auto& a) { a.ndim = -1; }), "from_dlpack: -1 dimensions; mica's tensors have up to 6");
  EXPECT_EQ(refused([](auto&, auto& a) { a.shape = nullptr; }), "from_dlpack: the sizes of 2 dimensions are missing");
  EXPECT_EQ(refused([](auto& o, auto&) { o.shape[1] = -3; }), "from_dlpack: dimension 1 has size -3");
  EXPECT_EQ(refused([](auto& o, auto&) { o.strides[0] = -3; }), "from_dlpack: dimension 0 has stride -3; strides cannot be negative");
  EXPECT_EQ(refused([](auto& o, auto&) { o.shape[0] = int64_t(1) << 62; }), "a tensor of shape [4611686018427387904, 3] does not fit in 64 bits");
  EXPECT_EQ(refused([](auto& o, auto&) { o.strides[0] = int64_t(1) << 62; }),
            "from_dlpack: memory of shape [2, 3] and strides [4611686018427387904, 1] does not fit in 64 bits");
  EXPECT_EQ(refused([](auto&, auto& a) { a.data = nullptr; }), "from_dlpack: the address is null");
  EXPECT_EQ(refused([](auto&, auto& a) { a.byte_offset = 2; }), "from_dlpack: the address is not aligned for f32: it is 2 beyond a multiple of 4");
  EXPECT_EQ(error_of([] { from_dlpack(static_cast<DLManagedTensor*>(nullptr)); }), "from_dlpack: the tensor is null");

  Versioned offer;
  offer.managed.major = 2;
  EXPECT_EQ(offer.refusal(), "from_dlpack: DLPack of version 2.0; mica reads 1.x");
  offer.managed.major = 1, offer.managed.minor = 9, offer.managed.flags = 1;
  EXPECT_EQ(offer.refusal(), "from_dlpack: the memory must not be written, and mica's tensors can be; copy it first");
  offer.managed.flags = 2;  // a copy made for us
  EXPECT_EQ(offer.read(), (Doubles{1, 2, 3, 4, 5, 6}));
}

TEST(Dlpack, RefusesWhatOthersCannotTake) {
  EXPECT_EQ(error_of([] { to_dlpack({}); }), "to_dlpack: x is undefined");
  EXPECT_EQ(error_of([] { to_dlpack(ones({2}).set_requires_grad()); }), "to_dlpack: x requires grad, and other libraries' work is not differentiated; detach x\n  x: f32[2] on cpu");
  const Tensor w = ones({2}).set_requires_grad();
  EXPECT_EQ(from_dlpack(to_dlpack((w * 2).detach())).to_vector<double>(), (Doubles{2, 2}));
}

TEST(Dlpack, GpuMemoryGoesFromStreamToStream) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  const Stream a, b;
  for (const DType dtype : all_dtypes) {
    Tensor x, back;
    { const OnStream on(a); x = cast(arange(0, 12, 1, {i64, cuda()}), dtype); }
    const OnStream on(b);
    DLManagedTensor* out = to_dlpack(transpose(reshape(x, {3, 4}), 0, 1));
    EXPECT_EQ(out->dl_tensor.device_type, 2);
    EXPECT_EQ(out->dl_tensor.device_id, 0);
    EXPECT_EQ(out->dl_tensor.data, x.body().storage->data);
    x = {};
    back = from_dlpack(out);
    EXPECT_EQ(back.device(), cuda());
    EXPECT_EQ(back.to_vector<double>(), transpose(reshape(cast(arange(12), dtype), {3, 4}), 0, 1).to_vector<double>());
  }
}
