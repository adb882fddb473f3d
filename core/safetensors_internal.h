#pragma once
#include <array>
#include <map>
#include <span>
#include <string>
#include <vector>
#include "mica/core/dtype.h"
#include "mica/core/shape.h"
// The header of a safetensors file, apart from tensors, so that it can be tested (and fuzzed) on bytes in memory.
namespace mica::detail {

struct SafetensorsEntry {
  std::string name;
  DType dtype = f32;
  Shape shape;
  uint64_t begin = 0, end = 0;  // bytes behind the header
};
struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in the order of their bytes
  std::map<std::string, std::string> metadata;
};

// The length of the JSON header that a file of `file_bytes` bytes begins with, from its first 8 bytes (fewer: the file is that short).
uint64_t safetensors_header_bytes(std::span<const std::byte> first, uint64_t file_bytes, const std::string& file);

// The header, checked against every rule of the format. `data_bytes`: what the file has behind it. Throws IoError that begins with `file`.
SafetensorsHeader parse_safetensors_header(std::span<const std::byte> json, uint64_t data_bytes, const std::string& file);

// The first bytes of a file: length and header, padded so that the values begin at a multiple of 8. Throws Error for names that are not UTF-8.
std::string format_safetensors_header(const SafetensorsHeader& header);

}  // namespace mica::detail
