#include "mica/tools/picture.h"

#include <png.h>

#include "mica/core/error.h"

namespace mica::tools {

std::string png_bytes(const Picture& p) {
  if (p.width < 1 || p.height < 1 || (p.channels != 1 && p.channels != 3) ||
      p.pixels.size() != static_cast<std::size_t>(p.width) * p.height * p.channels)
    throw Error("picture of " + std::to_string(p.height) + " x " + std::to_string(p.width) + " with " + std::to_string(p.channels) +
                " channels and " + std::to_string(p.pixels.size()) + " bytes: sizes must be positive, channels 1 or 3, bytes their product");
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(p.width);
  image.height = static_cast<png_uint_32>(p.height);
  image.format = p.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  std::string bytes(PNG_IMAGE_PNG_SIZE_MAX(image), '\0');
  png_alloc_size_t size = bytes.size();
  if (!png_image_write_to_memory(&image, bytes.data(), &size, 0, p.pixels.data(), 0, nullptr))
    throw Error(std::string("picture cannot be written as PNG: ") + image.message);
  bytes.resize(size);
  return bytes;
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const unsigned bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (int k = 0; k < 4; ++k) out += i + k > bytes.size() ? '=' : digits[bits >> (18 - 6 * k) & 63];
  }
  return out;
}

}  // namespace mica::tools
