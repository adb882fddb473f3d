#include "mica/data/idx.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "mica/core/error.h"
#include "mica/core/file_internal.h"
#include "mica/data/bytes_internal.h"

namespace mica {
namespace {

constexpr int max_rank = 6;
constexpr std::size_t first_allocation = 1 << 12;

struct TypeRow {
  IdxType type;
  const char* name;
  std::size_t bytes;
};
constexpr std::array<TypeRow, 6> types{{{IdxType::u8, "u8", 1},   {IdxType::i8, "i8", 1},   {IdxType::i16, "i16", 2},
                                        {IdxType::i32, "i32", 4}, {IdxType::f32, "f32", 4}, {IdxType::f64, "f64", 8}}};

const TypeRow* find_type(IdxType type) {
  const auto row = std::find_if(types.begin(), types.end(), [&](const TypeRow& r) { return r.type == type; });
  return row == types.end() ? nullptr : &*row;
}

const TypeRow& type_row(IdxType type) {
  if (const TypeRow* row = find_type(type)) return *row;
  throw Error("idx: there is no type " + std::to_string(static_cast<int>(type)));
}

std::string sizes_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// The bytes that an array takes; nothing if the product does not fit. A size of 0 counts as 1 in that check, so that strides fit as well.
bool product(std::span<const std::int64_t> shape, std::size_t value, std::int64_t& bytes) {
  std::int64_t checked = static_cast<std::int64_t>(value);
  bytes = checked;
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(checked, std::max<std::int64_t>(size, 1), &checked)) return false;
    bytes *= size;
  }
  return true;
}

void swap_to_or_from_big_endian(std::vector<std::byte>& bytes, std::size_t value) {
  if (std::endian::native == std::endian::big || value == 1) return;
  for (auto at = bytes.begin(); at != bytes.end(); at += static_cast<std::ptrdiff_t>(value))
    std::reverse(at, at + static_cast<std::ptrdiff_t>(value));
}

// Reads as much of `wanted` bytes as `source` has. The buffer grows with what has been read, so that a wrong header costs no memory.
std::vector<std::byte> read_values(const detail::Source& source, std::size_t wanted) {
  std::vector<std::byte> bytes;
  while (bytes.size() < wanted) {
    const std::size_t before = bytes.size(), room = std::min(wanted - before, std::max(before, first_allocation));
    bytes.resize(before + room);
    const std::size_t got = source(bytes.data() + before, room);
    if (got < room) {
      bytes.resize(before + got);
      break;
    }
  }
  return bytes;
}

IdxArray read(detail::Source source, const std::string& name) {
  const auto fail = [&](const std::string& what) { throw IoError(name + ": " + what); };
  std::array<std::byte, 4> head{};
  std::size_t got = source(head.data(), 4);
  if (got >= 2 && head[0] == std::byte{0x1f} && head[1] == std::byte{0x8b}) {
    source = detail::gunzip(std::span(head).first(got), std::move(source), name);
    got = source(head.data(), 4);
  }
  const auto number = [&](int i) { return std::to_integer<int>(head[static_cast<std::size_t>(i)]); };
  if (got < 4) fail("not an IDX file: it has " + std::to_string(got) + " bytes, the header alone takes 8 or more");
  if (number(0) != 0 || number(1) != 0)
    fail("not an IDX file: it begins with the bytes " + std::to_string(number(0)) + ", " + std::to_string(number(1)) + " instead of 0, 0");
  const TypeRow* type = find_type(static_cast<IdxType>(number(2)));
  if (!type) fail("IDX type " + std::to_string(number(2)) + " is unknown; known are 8 u8, 9 i8, 11 i16, 12 i32, 13 f32, 14 f64");
  const int rank = number(3);
  if (rank < 1 || rank > max_rank) fail("an IDX array of rank " + std::to_string(rank) + "; 1 to 6 can be read");

  IdxArray array{type->type, {}, {}};
  for (int i = 0; i < rank; ++i) {
    if (const std::size_t bytes = source(head.data(), 4); bytes < 4)
      fail("the file ends inside the header, at size " + std::to_string(i + 1) + " of " + std::to_string(rank));
    array.shape.push_back(std::int64_t{number(0)} << 24 | number(1) << 16 | number(2) << 8 | number(3));
  }
  std::int64_t bytes = 0;
  if (!product(array.shape, type->bytes, bytes)) fail("the sizes " + sizes_text(array.shape) + " multiply to more than 2^63 bytes");

  array.bytes = read_values(source, static_cast<std::size_t>(bytes));
  const std::string declared = to_string(array.type, array.shape) + " takes " + std::to_string(bytes) + " bytes";
  if (array.bytes.size() < static_cast<std::size_t>(bytes)) fail(declared + ", the file ends after " + std::to_string(array.bytes.size()));
  std::byte extra{};
  if (source(&extra, 1) != 0) fail(declared + ", the file goes on after them");  // in gzip this also checks the last checksum
  swap_to_or_from_big_endian(array.bytes, type->bytes);
  return array;
}

}  // namespace

std::size_t value_bytes(IdxType type) { return type_row(type).bytes; }

std::string to_string(IdxType type, std::span<const std::int64_t> shape) { return type_row(type).name + sizes_text(shape); }

IdxArray read_idx(const std::filesystem::path& file) { return read(detail::file_source(file), file.string()); }

IdxArray parse_idx(std::span<const std::byte> data, std::string_view name) { return read(detail::memory_source(data), std::string(name)); }

std::vector<std::byte> format_idx(const IdxArray& array, bool gzip) {
  const TypeRow& type = type_row(array.type);
  if (array.shape.empty() || array.shape.size() > max_rank)
    throw Error("idx: an array of rank " + std::to_string(array.shape.size()) + "; 1 to 6 can be written");
  for (const std::int64_t size : array.shape)
    if (size < 0 || size > std::numeric_limits<std::uint32_t>::max())
      throw Error("idx: a size of " + std::to_string(size) + " in " + sizes_text(array.shape) + "; 0 to 4294967295 can be written");
  std::int64_t bytes = 0;
  if (!product(array.shape, type.bytes, bytes) || static_cast<std::size_t>(bytes) != array.bytes.size())
    throw Error("idx: " + to_string(array.type, array.shape) + " does not take the " + std::to_string(array.bytes.size()) + " bytes given");

  std::vector<std::byte> values = array.bytes, result{std::byte{0}, std::byte{0}, std::byte(array.type), std::byte(array.shape.size())};
  for (const std::int64_t size : array.shape)
    for (const int shift : {24, 16, 8, 0}) result.push_back(static_cast<std::byte>(size >> shift));
  swap_to_or_from_big_endian(values, type.bytes);
  result.insert(result.end(), values.begin(), values.end());
  return gzip ? detail::gzip(result) : result;
}

void write_idx(const std::filesystem::path& file, const IdxArray& array) {
  detail::write_file(file, format_idx(array, file.extension() == ".gz"));
}

}  // namespace mica
