#include "mica/core/hash.h"
#include <bit>
#include <cstring>
#include "mica/core/hash_internal.h"
#include "mica/core/kernels.h"

namespace mica {
namespace detail {
namespace {
constexpr uint64_t p1 = 0x9E3779B185EBCA87, p2 = 0xC2B2AE3D27D4EB4F, p3 = 0x165667B19E3779F9, p4 = 0x85EBCA77C2B2AE63, p5 = 0x27D4EB2F165667C5;

template <class T> uint64_t little_endian(const std::byte* p) { T v; std::memcpy(&v, p, sizeof v); return v; }
uint64_t round(uint64_t lane, uint64_t word) { return std::rotl(lane + word * p2, 31) * p1; }
}  // namespace

Xxh64::Xxh64(uint64_t seed) : lane_{seed + p1 + p2, seed + p2, seed, seed - p1}, seed_(seed) {}

void Xxh64::add(std::span<const std::byte> data) {
  size_t have = total_ % 32;
  total_ += data.size();
  while (have + data.size() >= 32) {
    const std::byte* stripe = data.data();
    if (have) { std::memcpy(pending_ + have, data.data(), 32 - have); stripe = pending_; }
    for (int i = 0; i < 4; ++i) lane_[i] = round(lane_[i], little_endian<uint64_t>(stripe + 8 * i));
    data = data.subspan(32 - have);
    have = 0;
  }
  if (!data.empty()) std::memcpy(pending_ + have, data.data(), data.size());
}

uint64_t Xxh64::value() const {
  uint64_t h = seed_ + p5;
  if (total_ >= 32) {
    h = std::rotl(lane_[0], 1) + std::rotl(lane_[1], 7) + std::rotl(lane_[2], 12) + std::rotl(lane_[3], 18);
    for (const uint64_t lane : lane_) h = (h ^ round(0, lane)) * p1 + p4;
  }
  h += total_;
  const std::byte *p = pending_, *end = pending_ + total_ % 32;
  for (; end - p >= 8; p += 8) h = std::rotl(h ^ round(0, little_endian<uint64_t>(p)), 27) * p1 + p4;
  for (; end - p >= 4; p += 4) h = std::rotl(h ^ little_endian<uint32_t>(p) * p1, 23) * p2 + p3;
  for (; p < end; ++p) h = std::rotl(h ^ uint64_t(*p) * p5, 11) * p1;
  h = (h ^ h >> 33) * p2;
  h = (h ^ h >> 29) * p3;
  return h ^ h >> 32;
}
}  // namespace detail

std::string hash(const std::map<std::string, Tensor>& tensors) {
  detail::Xxh64 h;
  const auto number = [&](int64_t n) { h.add(std::as_bytes(std::span(&n, 1))); };
  const auto text = [&](std::string_view s) { number(int64_t(s.size())); h.add(std::as_bytes(std::span(s))); };
  for (auto& [name, x] : tensors) {
    if (!x) throw Error("hash: tensor '" + name + "' is undefined");
    text(name);
    text(name_of(x.dtype()));
    number(x.rank());
    for (const int64_t n : x.shape()) number(n);
    Tensor dense = x.detach();
    if (x.device() != cpu || !x.is_contiguous()) { dense = empty(x.shape(), {x.dtype()}); copy_into(dense, x); }
    h.add({static_cast<const std::byte*>(dense.body().storage->data) + dense.body().offset * int64_t(bytes_of(x.dtype())), x.bytes()});
  }
  std::string digits(16, '0');
  uint64_t v = h.value();
  for (size_t i = 16; i-- > 0; v >>= 4) digits[i] = "0123456789abcdef"[v & 15];
  return digits;
}

}  // namespace mica
