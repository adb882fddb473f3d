#include "golden_file.h"

std::string mica::testing::golden_path(const std::string& file) { return MICA_GOLDEN_DIR "/" + file; }
