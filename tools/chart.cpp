#include "mica/tools/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "mica/tools/text.h"

namespace mica::tools {
namespace {

// Width of text in pixels at the charts' font size: no font is known here, so an upper estimate for common sans-serif ones.
double text_width(const std::string& text) { return 7.2 * columns(text); }

std::string value_text(double value, bool as_percent) {
  if (!std::isfinite(value)) return "-";
  if (as_percent) return percent(value);
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, std::abs(value) < 1000 ? "%.3g" : "%.0f", value);
  return buffer;
}

std::string text_at(double x, double y, const char* css, const char* anchor, const std::string& text) {
  return "<text class=\"" + std::string(css) + "\" x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\" text-anchor=\"" + anchor + "\">" +
         escape_html(text) + "</text>\n";
}

std::string line_at(const char* css, double x1, double y1, double x2, double y2) {
  return "<line class=\"" + std::string(css) + "\" x1=\"" + svg_number(x1) + "\" y1=\"" + svg_number(y1) + "\" x2=\"" + svg_number(x2) + "\" y2=\"" +
         svg_number(y2) + "\"/>\n";
}

std::string circle_at(const std::string& css, double x, double y, double radius) {
  return "<circle class=\"" + css + "\" cx=\"" + svg_number(x) + "\" cy=\"" + svg_number(y) + "\" r=\"" + svg_number(radius) + "\"/>\n";
}

}  // namespace

std::string svg_number(double value) {
  std::string text = fixed(std::isfinite(value) ? value : 0, 2);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::vector<double> Axis::ticks() const {
  std::vector<double> values;
  const auto first = static_cast<long long>(std::ceil(low / step - 1e-9)), last = static_cast<long long>(std::floor(high / step + 1e-9));
  for (long long i = first; i <= last; ++i) values.push_back(static_cast<double>(i) * step);
  return values;
}

std::string Axis::label(double tick) const {
  if (tick == 0) return "0";
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  if (decimals > 4 || std::abs(tick) >= 1e7) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3g", tick);
    return buffer;
  }
  return fixed(tick, decimals);
}

Axis nice_axis(double low, double high, int most) {
  if (!std::isfinite(low) || !std::isfinite(high)) low = 0, high = 1;
  if (high < low) std::swap(low, high);
  if (high - low <= 1e-12 * std::max(std::abs(low), std::abs(high)) || high - low < 1e-300) {  // one value: show it in the middle
    const double margin = low == 0 ? 0.5 : std::abs(low) / 2;
    low -= margin, high += margin;
  }
  double step = std::pow(10, std::floor(std::log10((high - low) / most)));
  for (double factor : {1, 2, 5, 10, 20, 50, 100}) {
    const Axis axis{std::floor(low / (step * factor) + 1e-9) * step * factor, std::ceil(high / (step * factor) - 1e-9) * step * factor, step * factor};
    if (std::lround((axis.high - axis.low) / axis.step) + 1 <= most) return axis;
  }
  return {low, high, high - low};
}

std::string chart_svg(const Chart& chart) {
  double low = chart.percent ? 1 : 0, high = low;  // losses and rates start at 0; accuracy ends at 100 %
  for (const Series& series : chart.series)
    for (double value : series.values)
      if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  const double scale = chart.percent ? 100 : 1;
  Axis y_axis = nice_axis(low * scale, (low == high && !chart.percent ? 1 : high) * scale, 6);
  if (chart.percent) y_axis.high = std::min(y_axis.high, 100.0), y_axis.low = std::max(y_axis.low, 0.0);
  const std::string unit = chart.percent ? " %" : "";
  double label_width = 0;
  for (double tick : y_axis.ticks()) label_width = std::max(label_width, text_width(y_axis.label(tick) + unit));

  const double left = label_width + 8, right = chart.width - 12, top = 58, bottom = chart.height - 28;
  const int first = chart.epochs.empty() ? 0 : chart.epochs.front(), last = chart.epochs.empty() ? 1 : chart.epochs.back();
  const auto x_at = [&](double epoch) { return first == last ? (left + right) / 2 : left + (epoch - first) / (last - first) * (right - left); };
  const auto y_at = [&](double value) { return bottom - (value * scale - y_axis.low) / (y_axis.high - y_axis.low) * (bottom - top); };

  std::string svg = "<g>\n" + text_at(0, 14, "t", "start", chart.title);
  double legend = 0;
  for (const Series& series : chart.series) {
    const std::string value = series.values.empty() ? "-" : value_text(series.values.back(), chart.percent);
    svg += line_at(("l" + std::to_string(series.color)).c_str(), legend + 1, 32, legend + 15, 32);
    svg += "<text class=\"m\" x=\"" + svg_number(legend + 21) + "\" y=\"36\">" + escape_html(series.name) + " <tspan class=\"v\">" + value + "</tspan></text>\n";
    legend += 21 + text_width(series.name + " " + value) + 14;
  }
  for (double tick : y_axis.ticks()) {
    const double y = y_at(tick / scale);
    svg += line_at(tick == y_axis.low ? "a" : "g", left, y, right, y) + text_at(left - 7, y + 4, "m", "end", y_axis.label(tick) + unit);
  }
  Axis x_axis = nice_axis(first, last, 7);
  x_axis.step = std::max(1.0, x_axis.step);
  x_axis.low = first, x_axis.high = last;
  const std::string end_label = first == last ? "epoch" : "epoch " + std::to_string(last);
  for (double tick : first == last ? std::vector<double>{static_cast<double>(first)} : x_axis.ticks())
    if (x_at(tick) + 12 < right - text_width(end_label) || first == last) svg += text_at(x_at(tick), bottom + 17, "m", "middle", std::to_string(std::lround(tick)));
  svg += text_at(right, bottom + 17, "m", "end", end_label);

  for (const Series& series : chart.series) {
    const std::string color = std::to_string(series.color);
    std::string path;
    std::size_t run = 0;  // finite values in a row: a single one has no line and becomes a dot
    for (std::size_t i = 0; i <= series.values.size() && i <= chart.epochs.size(); ++i) {
      if (i < series.values.size() && i < chart.epochs.size() && std::isfinite(series.values[i])) {
        path += (run++ ? "L" : "M") + svg_number(x_at(chart.epochs[i])) + " " + svg_number(y_at(series.values[i]));
      } else {
        if (run == 1) svg += circle_at("d" + color, x_at(chart.epochs[i - 1]), y_at(series.values[i - 1]), 3.5);
        run = 0;
      }
    }
    if (!path.empty()) svg += "<path class=\"l" + color + "\" d=\"" + path + "\"/>\n";
  }
  if (chart.marked >= 0 && chart.marked < static_cast<int>(chart.epochs.size())) {
    const Series& series = chart.series.front();
    const double x = x_at(chart.epochs[chart.marked]), y = y_at(series.values[chart.marked]);
    const std::string label = "best " + value_text(series.values[chart.marked], chart.percent) + ", epoch " + std::to_string(chart.epochs[chart.marked]);
    const double half = text_width(label) / 2;
    svg += circle_at("d" + std::to_string(series.color) + " ring", x, y, 4.5);
    svg += text_at(std::clamp(x, left + half, std::max(left + half, right - half)), y + 24 < bottom ? y + 24 : y - 12, "v halo", "middle", label);
  }
  const std::size_t count = chart.epochs.size();
  if (count > 0 && count <= 1000)
    for (std::size_t i = 0; i < count; ++i) {  // tooltips: one invisible band per epoch
      const double from = i == 0 ? left : (x_at(chart.epochs[i - 1]) + x_at(chart.epochs[i])) / 2;
      const double to = i + 1 == count ? right : (x_at(chart.epochs[i]) + x_at(chart.epochs[i + 1])) / 2;
      std::string tip = "epoch " + std::to_string(chart.epochs[i]);
      for (const Series& series : chart.series)
        if (i < series.values.size()) tip += "\n" + series.name + ": " + value_text(series.values[i], chart.percent);
      svg += "<rect class=\"h\" x=\"" + svg_number(from) + "\" y=\"" + svg_number(top) + "\" width=\"" + svg_number(to - from) + "\" height=\"" +
             svg_number(bottom - top) + "\"><title>" + escape_html(tip) + "</title></rect>\n";
    }
  return svg + "</g>\n";
}

std::vector<Chart> training_charts(const std::vector<EpochMetrics>& metrics) {
  std::vector<int> epochs;
  for (const EpochMetrics& m : metrics) epochs.push_back(m.epoch);
  const auto values = [&](double EpochMetrics::* member) {
    std::vector<double> column;
    for (const EpochMetrics& m : metrics) column.push_back(m.*member);
    return column;
  };
  const auto any = [](const std::vector<double>& v) { return std::any_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); }); };

  Chart loss{"Loss", epochs, {{"training", 1, values(&EpochMetrics::train_loss)}}};
  if (auto column = values(&EpochMetrics::validation_loss); any(column)) loss.series.push_back({"validation", 2, column});
  std::vector<Chart> charts{loss};
  if (auto column = values(&EpochMetrics::validation_accuracy); any(column)) {
    int best = 0;
    for (std::size_t i = 0; i < column.size(); ++i)
      if (std::isfinite(column[i]) && !(column[best] >= column[i])) best = static_cast<int>(i);
    charts.push_back({"Accuracy", epochs, {{"validation", 2, column}}, true, std::isfinite(column[best]) ? best : -1});
  }
  charts.push_back({"Learning rate", epochs, {{"rate", 3, values(&EpochMetrics::learning_rate)}}});
  return charts;
}

double cell_tint(const Confusion& confusion, int truth, int predicted) {
  const std::int64_t count = confusion.at(truth, predicted), row = confusion.row(truth);
  if (count == 0) return 0;
  const double share = static_cast<double>(count) / static_cast<double>(row);
  return truth == predicted ? 0.08 + 0.5 * share : 0.08 + 0.8 * std::sqrt(share);
}

std::string chart_style() {
  return R"(svg text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1c1f23}
svg .t{font-size:14px;font-weight:600}
svg .m{fill:#5c636b}
svg .v{fill:#1c1f23;font-weight:600}
svg .g{stroke:#e4e6e8}
svg .a{stroke:#a9afb5}
svg .l1,svg .l2,svg .l3{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
svg .l1{stroke:#2a78d6}svg .l2{stroke:#e0602b}svg .l3{stroke:#14916a}
svg .d1{fill:#2a78d6}svg .d2{fill:#e0602b}svg .d3{fill:#14916a}
svg .ring{stroke:#fff;stroke-width:2}
svg .halo{stroke:#fff;stroke-width:4;stroke-linejoin:round;paint-order:stroke}
svg .h{fill:#1c1f23;opacity:0}svg .h:hover{opacity:.08}
@media (prefers-color-scheme:dark){
svg text,svg .v{fill:#e9ebed}
svg .m{fill:#a3abb3}
svg .g{stroke:#2b3036}
svg .a{stroke:#5a626a}
svg .l1{stroke:#5a9ff0}svg .l2{stroke:#f0834f}svg .l3{stroke:#34b98c}
svg .d1{fill:#5a9ff0}svg .d2{fill:#f0834f}svg .d3{fill:#34b98c}
svg .ring,svg .halo{stroke:#16191d}
svg .h{fill:#e9ebed}
}
)";
}

}  // namespace mica::tools
