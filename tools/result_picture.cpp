#include "mica/tools/result_picture.h"

#include <algorithm>
#include <cmath>

#include "mica/tools/chart.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

std::string placed(double x, double y, const std::string& group) {
  return "<g transform=\"translate(" + svg_number(x) + " " + svg_number(y) + ")\">\n" + group + "</g>\n";
}

std::string text_at(double x, double y, const std::string& attributes, const std::string& text) {
  return "<text x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\" " + attributes + ">" + escape_html(text) + "</text>\n";
}

std::string cell_at(double x, double y, double size, const std::string& css, double opacity) {
  return "<rect class=\"" + css + "\" x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\" width=\"" + svg_number(size) + "\" height=\"" + svg_number(size) +
         "\" rx=\"" + svg_number(std::min(3.0, size / 8)) + "\" fill-opacity=\"" + fixed(opacity, 2) + "\"/>\n";
}

// The matrix as a group at the origin, `side` wide and high for the cells, names around it.
std::string matrix_svg(const Confusion& c, double names, double side) {
  const int n = c.classes();
  const double pitch = side / n, size = pitch - std::min(2.0, pitch / 8), font = std::min(12.0, pitch * 0.5);
  const int letters = static_cast<int>(names / (font * 0.56));
  const std::string style = "style=\"font-size:" + svg_number(font) + "px\"";
  const bool tall = std::any_of(c.class_names.begin(), c.class_names.end(), [&](const std::string& name) { return columns(name) * font * 0.6 > pitch; });
  std::string svg;
  for (int truth = 0; truth < n; ++truth) {
    const double middle = (truth + 0.5) * pitch, base = middle + font * 0.35;
    const std::string name = shortened(c.class_names[truth], letters);
    svg += text_at(names - 8, names + base, "class=\"m\" text-anchor=\"end\" " + style, name);
    if (tall) svg += text_at(0, 0, "class=\"m\" " + style + " transform=\"translate(" + svg_number(names + base) + " " + svg_number(names - 8) + ") rotate(-90)\"", name);
    else svg += text_at(names + middle, names - 8, "class=\"m\" text-anchor=\"middle\" " + style, name);
    for (int predicted = 0; predicted < n; ++predicted) {
      const std::int64_t count = c.at(truth, predicted);
      const double x = names + predicted * pitch, y = names + truth * pitch;
      svg += count == 0 ? cell_at(x, y, size, "e", 0.05) : cell_at(x, y, size, truth == predicted ? "d1" : "d2", cell_tint(c, truth, predicted));
      if (count > 0 && n <= 20)
        svg += text_at(x + size / 2, y + size / 2 + font * 0.35, "text-anchor=\"middle\" " + style, count < 10'000 ? std::to_string(count) : fixed(count / 1000.0, 0) + "k");
    }
  }
  return svg;
}

}  // namespace

std::string result_svg(const ReportData& data) {
  const RunSummary& s = data.summary;
  s.confusion.check();
  std::vector<Chart> charts = training_charts(data.epochs);
  charts.pop_back();  // the learning rate is in the report
  if (data.epochs.empty()) charts.clear();
  const bool with_matrix = s.confusion.classes() > 0 && s.confusion.classes() <= 40;
  const double margin = 28, head = 92, width = 900, chart_height = 224, gap = 28;
  const double height = head + (with_matrix ? 2 * chart_height + gap : chart_height) + margin - 12;
  for (Chart& chart : charts) chart.width = 400, chart.height = charts.size() == 1 && with_matrix ? 2 * chart_height + gap : chart_height;

  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + svg_number(width) + "\" height=\"" + svg_number(height) + "\" viewBox=\"0 0 " +
                    svg_number(width) + " " + svg_number(height) + "\" role=\"img\">\n" + "<title>" +
                    escape_html(s.model + " on " + s.data + ": test accuracy " + percent(s.test_accuracy)) + "</title>\n<style>\n" + chart_style() +
                    "svg .paper{fill:#fff;stroke:#d5d9dd}svg .e{fill:#1c1f23}\n@media (prefers-color-scheme:dark){svg .paper{fill:#16191d;stroke:#30363d}svg .e{fill:#e9ebed}}\n"
                    "</style>\n<rect class=\"paper\" x=\"0.5\" y=\"0.5\" width=\"" + svg_number(width - 1) + "\" height=\"" + svg_number(height - 1) + "\" rx=\"10\"/>\n";
  svg += text_at(margin, 44, "style=\"font-size:22px;font-weight:600\"", shortened(s.model + " on " + s.data, static_cast<int>(width / 24)));
  std::string line = std::to_string(s.epochs) + (s.epochs == 1 ? " epoch" : " epochs") + " in " + duration(s.seconds);
  if (s.images_per_second > 0) line += ", " + count_text(std::llround(s.images_per_second)) + " images/s";
  svg += text_at(margin, 66, "class=\"m\" style=\"font-size:13px\"", line);
  svg += text_at(width - margin, 44, "text-anchor=\"end\" style=\"font-size:26px;font-weight:600\"", percent(s.test_accuracy));
  std::string right = "test accuracy";
  if (s.confusion.total() > 0) right += ", " + count_text(s.confusion.correct()) + " of " + count_text(s.confusion.total()) + " images";
  svg += text_at(width - margin, 66, "text-anchor=\"end\" class=\"m\" style=\"font-size:13px\"", right);
  for (std::size_t i = 0; i < charts.size(); ++i)  // one below the other, or side by side where no matrix is
    svg += with_matrix ? placed(margin, head + i * (chart_height + gap), chart_svg(charts[i])) : placed(margin + i * 440, head, chart_svg(charts[i]));
  if (charts.empty()) svg += text_at(margin, head + 14, "class=\"m\"", "No epoch was finished.");
  if (with_matrix) {
    const double left = 468, names = 26;
    int longest = 0;
    for (const std::string& name : s.confusion.class_names) longest = std::max(longest, columns(name));
    const double name_space = std::clamp(longest * 6.6 + 14, names, 96.0), side = width - margin - left - name_space;
    svg += placed(left, head, text_at(0, 14, "class=\"t\"", "Confusion matrix") + text_at(0, 36, "class=\"m\"", "rows: true class, columns: predicted, test images"));
    svg += placed(left, head + 46, matrix_svg(s.confusion, name_space, std::min(side, height - head - 46 - name_space - margin)));
  }
  return svg + "</svg>\n";
}

}  // namespace mica::tools
