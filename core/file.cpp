#include "mica/core/file_internal.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>
#include "mica/core/error.h"

namespace mica::detail {
namespace {
[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw IoError(file.string() + ": " + what + ": " + std::strerror(errno));
}
}  // namespace

NewFile::NewFile(std::filesystem::path target) : target_(std::move(target)) {
  static std::atomic<unsigned> number{0};  // two threads may write one target
  temporary_ = target_.string() + ".part" + std::to_string(::getpid()) + "." + std::to_string(number++);
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(target_, "cannot create a file beside it");
}
NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}
void NewFile::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(target_, "cannot write");
    data = data.subspan(static_cast<size_t>(written));
  }
}
void NewFile::commit() {
  if (::fsync(descriptor_) != 0) fail(target_, "cannot write");
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail(target_, "cannot rename the finished file");
  ::close(std::exchange(descriptor_, -1));
  const auto folder = target_.has_parent_path() ? target_.parent_path() : std::filesystem::path(".");
  if (const int at = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); at >= 0) {  // the new name too, where the file system can
    (void)::fsync(at);
    ::close(at);
  }
}
void write_file(const std::filesystem::path& file, std::span<const std::byte> data) {
  NewFile to(file);
  to.write(data);
  to.commit();
}

InputFile::InputFile(const std::filesystem::path& file) : file_(file) {
  descriptor_ = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not block
  if (descriptor_ < 0) fail(file_, "cannot open");
  struct stat about;
  if (::fstat(descriptor_, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(std::exchange(descriptor_, -1));
    throw IoError(file_.string() + ": not a regular file");
  }
  size_ = static_cast<uint64_t>(about.st_size);
}
InputFile::~InputFile() { if (descriptor_ >= 0) ::close(descriptor_); }
void InputFile::read(std::span<std::byte> to, uint64_t offset) const {
  while (!to.empty()) {
    const ssize_t got = ::pread(descriptor_, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(file_, "cannot read");
    if (got == 0) throw IoError(file_.string() + ": ends after " + std::to_string(offset) + " bytes; " + std::to_string(to.size()) + " more were expected");
    to = to.subspan(static_cast<size_t>(got));
    offset += static_cast<uint64_t>(got);
  }
}

}  // namespace mica::detail
