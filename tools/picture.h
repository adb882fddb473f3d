#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mica::tools {

// A grey (1 channel) or RGB (3 channels) image: rows from the top, channels interleaved, height * width * channels bytes.
struct Picture {
  int width = 0, height = 0, channels = 1;
  std::vector<std::uint8_t> pixels = {};
};

// The image as a PNG file. Throws Error when the sizes do not fit together.
std::string png_bytes(const Picture& picture);

std::string base64(std::string_view bytes);  // RFC 4648, with padding

}  // namespace mica::tools
