// Feeds the IDX reader. Whatever the bytes, it returns an array that is consistent and survives a round trip, or throws IoError.
// The first byte chooses how the rest arrives, so that the fuzzer need not find checksums: as it is; as one gzip member; as two members that
// part in the middle; as a gzip member with its last bytes cut off.
#include <zlib.h>

#include <cstdlib>

#include "mica/core/error.h"
#include "mica/data/idx.h"

namespace {

// Appends `data` as a gzip member in one stored block: deflate would take most of the time.
void add_member(std::vector<std::byte>& to, std::span<const std::byte> data) {
  const auto add = [&](std::size_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to.push_back(static_cast<std::byte>(value >> 8 * i));
  };
  add(0x00088b1f, 4), add(0, 6);
  add(1, 1), add(data.size(), 2), add(~data.size(), 2);
  to.insert(to.end(), data.begin(), data.end());
  add(crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size())), 4), add(data.size(), 4);
}

std::vector<std::byte> arrange(std::span<const std::byte> data, int way) {
  if (way == 0) return {data.begin(), data.end()};
  const std::size_t middle = way == 2 ? data.size() / 2 : 0;
  std::vector<std::byte> result;
  if (way == 2) add_member(result, data.first(middle));
  add_member(result, data.subspan(middle));
  if (way == 3) result.resize(result.size() - 1 - data.size() % 9);
  return result;
}

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  if (size == 0) return 0;
  const int way = bytes[0] & 3;
  const std::vector<std::byte> data = arrange(std::as_bytes(std::span(bytes, size)).subspan(1), way);
  try {
    const mica::IdxArray array = mica::parse_idx(data, "input");
    std::uint64_t count = 1;
    for (const std::int64_t n : array.shape) count *= static_cast<std::uint64_t>(n);
    check(way != 3 && !array.shape.empty() && array.shape.size() <= 6);
    check(array.bytes.size() == count * mica::value_bytes(array.type));
    check(mica::parse_idx(mica::format_idx(array, false)) == array);
  } catch (const mica::IoError&) {
  }
  return 0;
}
