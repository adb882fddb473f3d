#pragma once
// Streams of bytes for the readers and writers of data files.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace mica::detail {

// Reads up to `size` bytes to `to` and returns how many: fewer than asked only at the end. Throws IoError.
using Source = std::function<std::size_t(std::byte* to, std::size_t size)>;

Source memory_source(std::span<const std::byte> data);
Source file_source(const std::filesystem::path& file);

// The content of the gzip stream, one member or several, that begins with the few bytes `head` and goes on in `rest`. Each member's checksum
// and length are checked when its end is read; anything but a member after a member throws. `name` is the file's, for errors.
Source gunzip(std::span<const std::byte> head, Source rest, std::string name);

// `data` as one gzip member without name or time.
std::vector<std::byte> gzip(std::span<const std::byte> data);

}  // namespace mica::detail
