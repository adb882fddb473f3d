#pragma once
// IDX, the array format of MNIST (Y. LeCun, http://yann.lecun.com/exdb/mnist): bytes 0, 0, type, rank; `rank` sizes as 32-bit unsigned
// integers; the values in row-major order; every number big-endian. The whole may be compressed with gzip (RFC 1952).
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mica {

// The third byte of a file.
enum class IdxType : std::uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0b, i32 = 0x0c, f32 = 0x0d, f64 = 0x0e };

// One array: 1 to 6 sizes (a size may be 0), and the values in row-major order and in the byte order of this machine.
struct IdxArray {
  IdxType type = IdxType::u8;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;

  bool operator==(const IdxArray&) const = default;
};

// Bytes of one value.
std::size_t value_bytes(IdxType type);

// "u8[60000, 28, 28]", as errors name an array.
std::string to_string(IdxType type, std::span<const std::int64_t> shape);

// Reads a file, plain or gzipped (told by its first bytes, not by its name). Memory follows the bytes that are really there, never the sizes
// that the header declares. Throws IoError, with the file's name, when it cannot be read, breaks a rule of the format, ends early, goes on
// after the last value, or is damaged gzip.
IdxArray read_idx(const std::filesystem::path& file);

// The same from memory; `name` stands for the file in errors.
IdxArray parse_idx(std::span<const std::byte> data, std::string_view name = "memory");

// The bytes of a file that holds `array`; gzipped, they depend on nothing but the array and zlib (no time, no name).
// Throws Error if the array has no size or more than 6, a size outside 0 ... 2^32 - 1, or other than product(shape) values.
std::vector<std::byte> format_idx(const IdxArray& array, bool gzip);

// Writes `array` to `file`, gzipped if the name ends in ".gz", under a temporary name that is renamed when all is on the disk.
// Throws Error as format_idx does, and IoError when the file cannot be written.
void write_idx(const std::filesystem::path& file, const IdxArray& array);

}  // namespace mica
