#pragma once
// Where the IDX files of an image set lie.
#include <filesystem>

namespace mica {

// The files of one set; those of a part that the folder does not have are empty (validation may be missing, train and test may not).
struct IdxFiles {
  struct Part {
    std::filesystem::path images, labels;
  };
  Part train, validation, test;
};

// The files of a folder under MNIST's names, plain or gzipped: train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz], the same for
// test (or t10k) and, if there, for validation. "idx4" (colour: [n, h, w, channels]) and a dot before "idx" are understood as well.
// Throws IoError that names the first missing file.
IdxFiles find_idx_files(const std::filesystem::path& folder);

// MNIST in `folder`, by default $MICA_DATA/mnist. Throws IoError that says what is missing and where to get it.
IdxFiles find_mnist(const std::filesystem::path& folder = {});

// Fashion-MNIST in `folder`, by default $MICA_DATA/fashion-mnist where that exists, else where Debian's package dataset-fashion-mnist installs
// it. Throws IoError that says what is missing and what to install.
IdxFiles find_fashion_mnist(const std::filesystem::path& folder = {});

}  // namespace mica
