#pragma once
#include <string>
#include <vector>

#include "mica/tools/confusion.h"
#include "mica/tools/metrics.h"

namespace mica::tools {

// An axis with ticks at round numbers: multiples of step (1, 2 or 5 times a power of ten) from low to high.
struct Axis {
  double low = 0, high = 1, step = 1;
  std::vector<double> ticks() const;
  std::string label(double tick) const;  // with the decimals that step needs
};
// The axis with at most `most` ticks that covers [low, high]; low == high and values that are not finite are widened to something drawable.
Axis nice_axis(double low, double high, int most);

struct Series {
  std::string name;
  int color = 1;                // 1 training, 2 validation, 3 learning rate: the classes l1, l2, l3 of chart_style
  std::vector<double> values;   // one per epoch; a gap where not finite
};

struct Chart {
  std::string title;
  std::vector<int> epochs;
  std::vector<Series> series;
  bool percent = false;         // values are fractions, shown as percentages
  int marked = -1;              // index of a point of the first series to mark as the best; -1: none
  double width = 380, height = 232;
};

// The chart as an SVG group (<g>) at the origin. Every epoch has a tooltip (<title>), no script.
std::string chart_svg(const Chart& chart);

// Loss, validation accuracy (left out when there is none), learning rate.
std::vector<Chart> training_charts(const std::vector<EpochMetrics>& epochs);

// Strength of the tint of a cell in [0, 1]: recall on the diagonal; beside it the root of the share of the row, so that single mistakes show.
double cell_tint(const Confusion& confusion, int truth, int predicted);

// CSS of what charts use, light and dark.
std::string chart_style();

// A length or coordinate in SVG: at most 2 decimals.
std::string svg_number(double value);

}  // namespace mica::tools
