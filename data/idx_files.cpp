#include "mica/data/idx_files.h"

#include <cstdlib>
#include <initializer_list>
#include <string>

#include "mica/core/error.h"

namespace mica {
namespace fs = std::filesystem;
namespace {

using Names = std::initializer_list<const char*>;

// The first existing file among the names that `kind` ("images" or "labels") of a part goes by; empty if there is none.
fs::path find_file(const fs::path& folder, Names parts, const char* kind, Names ranks) {
  for (const std::string part : parts)
    for (const char* separator : {"-", "."})
      for (const char* rank : ranks)
        for (const char* end : {"", ".gz"}) {
          const fs::path file = folder / (part + "-" + kind + separator + rank + "-ubyte" + end);
          std::error_code ignored;
          if (fs::exists(file, ignored)) return file;
        }
  return {};
}

IdxFiles find(const fs::path& folder, const std::string& advice) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) throw IoError("there is no folder " + folder.string() + advice);
  const auto part = [&](Names names, bool optional) {
    IdxFiles::Part files{find_file(folder, names, "images", {"idx3", "idx4"}), find_file(folder, names, "labels", {"idx1"})};
    if (optional && files.images.empty() && files.labels.empty()) return files;
    const std::string name = *names.begin();
    if (files.images.empty()) throw IoError("there is no " + name + "-images-idx3-ubyte[.gz] in " + folder.string() + advice);
    if (files.labels.empty()) throw IoError("there is no " + name + "-labels-idx1-ubyte[.gz] in " + folder.string() + advice);
    return files;
  };
  return {part({"train"}, false), part({"validation"}, true), part({"t10k", "test"}, false)};
}

// $MICA_DATA/name, or nothing where MICA_DATA is not set.
fs::path in_data_folder(const char* name) {
  const char* folder = std::getenv("MICA_DATA");
  return folder && *folder ? fs::path(folder) / name : fs::path();
}

}  // namespace

IdxFiles find_idx_files(const fs::path& folder) { return find(folder, ""); }

IdxFiles find_mnist(const fs::path& folder) {
  const std::string advice =
      "; MNIST's four files train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz "
      "belong there (they are offered at https://ossci-datasets.s3.amazonaws.com/mnist/)";
  if (!folder.empty()) return find(folder, advice);
  const fs::path usual = in_data_folder("mnist");
  if (usual.empty()) throw IoError("MNIST: give its folder, or set MICA_DATA to a folder that has it under mnist/" + advice);
  return find(usual, advice);
}

IdxFiles find_fashion_mnist(const fs::path& folder) {
  const std::string advice = "; Fashion-MNIST: apt-get install dataset-fashion-mnist, or give the folder that has its four files";
  if (!folder.empty()) return find(folder, advice);
  const fs::path usual = in_data_folder("fashion-mnist");
  std::error_code ignored;
  return find(!usual.empty() && fs::exists(usual, ignored) ? usual : fs::path("/usr/share/datasets/fashion-mnist"), advice);
}

}  // namespace mica
