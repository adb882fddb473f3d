#pragma once
// Files that are whole or absent, and reads that say what is missing.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace mica::detail {

// A file under a temporary name in the target's folder. commit() flushes it to the disk and renames it to the target; without a commit it is
// removed. Everything throws IoError.
class NewFile {
 public:
  explicit NewFile(std::filesystem::path target);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  void write(std::span<const std::byte> data);
  void commit();

 private:
  std::filesystem::path target_;
  std::string temporary_;
  int descriptor_ = -1;
};
void write_file(const std::filesystem::path& file, std::span<const std::byte> data);

// A regular file open for reading. read() fills `to` from `offset`; a file that ends before throws.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& file);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  uint64_t size() const { return size_; }
  void read(std::span<std::byte> to, uint64_t offset) const;

 private:
  std::filesystem::path file_;
  uint64_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace mica::detail
