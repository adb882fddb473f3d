#pragma once
#include <string>
#include <vector>

#include "mica/tools/metrics.h"
#include "mica/tools/picture.h"

namespace mica::tools {

// A test image that was taken for another class.
struct Mistake {
  Picture picture;
  int truth = 0, predicted = 0;
  double confidence = 0;      // probability given to the predicted class, in [0, 1]
};

struct ReportData {
  RunSummary summary = {};
  std::vector<EpochMetrics> epochs = {};
  std::vector<Mistake> mistakes = {};   // the most confident first; the report shows at most 48
  std::string note = "";                // shown on top: "interrupted in epoch 3", ...
};

// The run as one HTML file: figures, curves, confusion matrix, per-class figures, worst mistakes, configuration. It is well-formed XML too, needs
// no other file and no script, and follows the reader's light or dark setting. All text is escaped. Throws Error on pictures or counts that do
// not fit their sizes, and on class numbers outside the class names.
std::string report_html(const ReportData& data);

}  // namespace mica::tools
