#include "mica/core/safetensors.h"
#include <algorithm>
#include "mica/core/file_internal.h"
#include "mica/core/kernels.h"
#include "mica/core/safetensors_internal.h"

namespace mica {
static_assert(std::endian::native == std::endian::little, "values are stored little-endian, as they are in memory");

namespace {
std::span<std::byte> values_of(const Tensor& x) {
  return {static_cast<std::byte*>(x.body().storage->data) + x.body().offset * int64_t(bytes_of(x.dtype())), x.bytes()};
}
}  // namespace

void save_safetensors(const std::string& path, const std::map<std::string, Tensor>& tensors, const std::map<std::string, std::string>& metadata) {
  detail::SafetensorsHeader header{{}, metadata};
  for (auto& [name, x] : tensors) {
    if (!x) throw Error("save_safetensors: tensor '" + name + "' is undefined");
    if (name == "__metadata__") throw Error("save_safetensors: the format keeps the name __metadata__ for itself");
    header.entries.push_back({name, x.dtype(), x.shape()});
  }
  // The widest dtypes first, so that all values are aligned.
  std::stable_sort(header.entries.begin(), header.entries.end(), [](auto& a, auto& b) { return bytes_of(a.dtype) > bytes_of(b.dtype); });
  uint64_t at = 0;
  for (auto& e : header.entries) { e.begin = at; e.end = at += tensors.at(e.name).bytes(); }
  const std::string first = detail::format_safetensors_header(header);
  detail::NewFile file(path);
  file.write(std::as_bytes(std::span(first)));
  for (auto& e : header.entries) {
    const Tensor& x = tensors.at(e.name);
    if (x.device() == cpu && x.is_contiguous()) { file.write(values_of(x)); continue; }
    const Tensor dense = empty(x.shape(), {x.dtype()});
    copy_into(dense, x);
    file.write(values_of(dense));
  }
  file.commit();
}

Safetensors load_safetensors(const std::string& path) {
  const detail::InputFile file(path);
  std::byte first[8];
  const size_t have = std::min<uint64_t>(8, file.size());
  file.read({first, have}, 0);
  const uint64_t header_bytes = detail::safetensors_header_bytes({first, have}, file.size(), path);
  std::vector<std::byte> json(header_bytes);
  file.read(json, 8);
  const uint64_t start = 8 + header_bytes;
  detail::SafetensorsHeader header = detail::parse_safetensors_header(json, file.size() - start, path);
  Safetensors result{{}, std::move(header.metadata)};
  for (const auto& e : header.entries) {
    const Tensor x = empty(e.shape, {e.dtype});
    file.read(values_of(x), start + e.begin);
    if (e.dtype == boolean) {
      const auto values = values_of(x);
      const auto wrong = std::find_if(values.begin(), values.end(), [](std::byte b) { return b > std::byte(1); });
      if (wrong != values.end()) throw IoError(path + ": tensor '" + e.name + "': value " + std::to_string(wrong - values.begin()) + " is the byte " + std::to_string(int(*wrong)) + "; a bool is 0 or 1");
    }
    result.tensors.emplace(e.name, x);
  }
  return result;
}

}  // namespace mica
