#include "mica/data/image_sets.h"

#include "mica/tools/commands.h"

namespace mica::tools {

ImageSets image_sets(const std::string& name) {
  if (name == "digits") return digits();
  if (name == "mnist") return mnist();
  if (name == "fashion-mnist") return fashion_mnist();
  if (!std::filesystem::is_directory(name)) throw Error("--data takes digits, mnist, fashion-mnist or a folder of IDX files; there is no folder " + name);
  return image_folder_idx(name);
}

}  // namespace mica::tools
