#include "mica/data/bytes_internal.h"

#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <utility>

#include "mica/core/error.h"

namespace mica::detail {
namespace {

constexpr std::size_t chunk = 1 << 14;

Bytef* zlib_bytes(const std::byte* p) { return reinterpret_cast<Bytef*>(const_cast<std::byte*>(p)); }

// One gzip stream while it is read: a sequence of members.
class Gunzip {
 public:
  Gunzip(std::span<const std::byte> head, Source rest, std::string name) : rest_(std::move(rest)), name_(std::move(name)), input_(chunk) {
    std::copy(head.begin(), head.end(), input_.begin());
    stream_.next_in = zlib_bytes(input_.data());
    stream_.avail_in = static_cast<uInt>(head.size());
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) throw IoError(name_ + ": zlib cannot start: out of memory");
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  ~Gunzip() { inflateEnd(&stream_); }

  std::size_t read(std::byte* to, std::size_t size) {
    std::size_t done = 0;
    while (done < size && has_more()) done += inflate_some(to + done, std::min(size - done, chunk));
    return done;
  }

 private:
  // Refills the input; false where the file ends between two members. Throws where it ends inside one.
  bool has_more() {
    if (stream_.avail_in == 0) {
      const std::size_t got = rest_(input_.data(), input_.size());
      stream_.next_in = zlib_bytes(input_.data());
      stream_.avail_in = static_cast<uInt>(got);
      if (got == 0 && between_members_) return false;
    }
    if (between_members_ && *stream_.next_in != 0x1f)
      throw IoError(name_ + ": bytes that are not gzip follow the gzip stream, after " + std::to_string(inflated_) + " bytes of content");
    return true;
  }

  std::size_t inflate_some(std::byte* to, std::size_t size) {
    stream_.next_out = zlib_bytes(to);
    stream_.avail_out = static_cast<uInt>(size);
    const int code = inflate(&stream_, Z_NO_FLUSH);
    const std::size_t got = size - stream_.avail_out;
    inflated_ += got;
    between_members_ = code == Z_STREAM_END;
    if (between_members_) {
      inflateReset(&stream_);
    } else if (code == Z_BUF_ERROR) {
      throw IoError(name_ + ": the gzip stream is cut off after " + std::to_string(inflated_) + " bytes of content");
    } else if (code != Z_OK) {
      throw IoError(name_ + ": damaged gzip stream after " + std::to_string(inflated_) + " bytes of content: " +
                    (stream_.msg ? stream_.msg : code == Z_NEED_DICT ? "needs a dictionary" : "out of memory"));
    }
    return got;
  }

  Source rest_;
  std::string name_;
  std::vector<std::byte> input_;
  z_stream stream_{};
  std::size_t inflated_ = 0;
  bool between_members_ = false;
};

[[noreturn]] void fail(const std::filesystem::path& file, const char* what) {
  throw IoError(file.string() + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

Source memory_source(std::span<const std::byte> data) {
  return [data](std::byte* to, std::size_t size) mutable {
    const std::size_t got = std::min(size, data.size());
    std::copy_n(data.begin(), got, to);
    data = data.subspan(got);
    return got;
  };
}

Source file_source(const std::filesystem::path& file) {
  std::shared_ptr<std::FILE> stream(std::fopen(file.c_str(), "rbe"), [](std::FILE* f) { if (f) std::fclose(f); });
  if (!stream) fail(file, "cannot open");
  return [stream, file](std::byte* to, std::size_t size) {
    const std::size_t got = std::fread(to, 1, size, stream.get());
    if (got < size && std::ferror(stream.get())) fail(file, "cannot read");
    return got;
  };
}

Source gunzip(std::span<const std::byte> head, Source rest, std::string name) {
  auto state = std::make_shared<Gunzip>(head, std::move(rest), std::move(name));
  return [state](std::byte* to, std::size_t size) { return state->read(to, size); };
}

std::vector<std::byte> gzip(std::span<const std::byte> data) {
  z_stream stream{};
  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) throw IoError("zlib cannot start: out of memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, deflateEnd);
  std::vector<std::byte> result;
  int code = Z_OK;
  while (code != Z_STREAM_END) {
    if (stream.avail_in == 0) {
      const std::size_t size = std::min<std::size_t>(data.size(), 1u << 30);
      stream.next_in = zlib_bytes(data.data());
      stream.avail_in = static_cast<uInt>(size);
      data = data.subspan(size);
    }
    const std::size_t before = result.size();
    result.resize(before + chunk);
    stream.next_out = zlib_bytes(result.data() + before);
    stream.avail_out = chunk;
    code = deflate(&stream, data.empty() ? Z_FINISH : Z_NO_FLUSH);
    result.resize(result.size() - stream.avail_out);
  }
  return result;
}

}  // namespace mica::detail
