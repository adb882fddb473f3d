// Feeds the reader of safetensors headers. Whatever the bytes, it returns a header whose tensors cover the values exactly and which survives
// a round trip, or throws IoError. Odd first byte: the rest is a whole file. Even: the rest is the JSON alone, and the next byte says how
// many bytes of values follow, so that the fuzzer need not find lengths.
#include <cstdlib>
#include "mica/core/safetensors_internal.h"

namespace {
void check(bool holds) {
  if (!holds) std::abort();
}
void read(std::span<const std::byte> json, uint64_t data_bytes) {
  using namespace mica::detail;
  const SafetensorsHeader header = parse_safetensors_header(json, data_bytes, "input");
  uint64_t at = 0;
  for (const SafetensorsEntry& e : header.entries) {
    check(e.begin == at && e.end - e.begin == bytes_of(e.dtype) * uint64_t(e.shape.count()));
    at = e.end;
  }
  check(at == data_bytes);
  const std::string written = format_safetensors_header(header);
  const auto bytes = std::as_bytes(std::span(written));
  check(safetensors_header_bytes(bytes.first(8), bytes.size() + data_bytes, "input") == bytes.size() - 8 && bytes.size() % 8 == 0);
  const SafetensorsHeader again = parse_safetensors_header(bytes.subspan(8), data_bytes, "written");
  check(again.metadata == header.metadata && again.entries.size() == header.entries.size());
  for (size_t i = 0; i < header.entries.size(); ++i) {
    const SafetensorsEntry &a = header.entries[i], &b = again.entries[i];
    check(a.name == b.name && a.dtype == b.dtype && a.shape == b.shape && a.begin == b.begin && a.end == b.end);
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, size_t size) {
  if (size < 2) return 0;
  const auto data = std::as_bytes(std::span(bytes, size));
  try {
    if (bytes[0] & 1) {
      const auto file = data.subspan(1);
      const uint64_t n = mica::detail::safetensors_header_bytes(file.first(std::min<size_t>(8, file.size())), file.size(), "input");
      check(n <= file.size() - 8);
      read(file.subspan(8, n), file.size() - 8 - n);
    } else {
      read(data.subspan(2), bytes[1]);
    }
  } catch (const mica::IoError&) {
  }
  return 0;
}
