#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace mica::detail {

// XXH64 of the bytes added (Y. Collet, "xxHash fast digest algorithm", specification 0.1.1).
class Xxh64 {
 public:
  explicit Xxh64(uint64_t seed = 0);
  void add(std::span<const std::byte> data);
  uint64_t value() const;

 private:
  uint64_t lane_[4], seed_, total_ = 0;
  std::byte pending_[32];  // total_ % 32 bytes that do not fill a stripe yet
};

}  // namespace mica::detail
