#pragma once
// Image sets by name. All throw IoError, naming the file, where one is missing or damaged, and Error for options that do not fit.
#include <filesystem>
#include "mica/data/images.h"

namespace mica {

struct ImageSets {
  ImageDataset train, validation, test;  // normalised alike
};

struct ImageSetOptions {
  int64_t validation = 5000;  // examples held out from the end of the training files of a set that has no validation files
};

// The handwritten digits inside the library (data/digits/README.md): 8 x 8, values 0 to 16, 1079 + 359 + 359 images.
ImageSets digits();

// MNIST and Fashion-MNIST, 28 x 28: in `folder`, or where find_mnist and find_fashion_mnist (data/idx_files.h) look.
ImageSets mnist(const std::filesystem::path& folder = {}, ImageSetOptions options = {});
ImageSets fashion_mnist(const std::filesystem::path& folder = {}, ImageSetOptions options = {});

// A folder of IDX files under MNIST's names, u8 images [n, h, w] or [n, h, w, c] and integer labels [n]; normalised by its training part.
ImageSets image_folder_idx(const std::filesystem::path& folder, ImageSetOptions options = {});

}  // namespace mica
