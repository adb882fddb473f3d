#pragma once
#include <string>

#include "mica/tools/report.h"

namespace mica::tools {

// The run on one picture, a standalone SVG file: headline, loss, accuracy, confusion matrix. It brings its own background, so that it reads on
// light and dark pages, follows the reader's dark setting where the viewer knows one, and has neither scripts nor outside resources.
// With more than 40 classes the matrix is left out.
std::string result_svg(const ReportData& data);

}  // namespace mica::tools
