#include "mica/tools/report.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "mica/core/error.h"
#include "mica/tools/chart.h"
#include "mica/tools/report_style.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

constexpr int matrix_limit = 32;     // classes; beyond, the most frequent mistakes are listed
constexpr int list_limit = 32;       // rows of a list
constexpr int mistakes_limit = 48;
constexpr int picture_pixels = 112;  // a picture on the page, at most

// <tag attributes>text</tag>, the text escaped.
std::string element(const std::string& tag, std::string_view text, const std::string& attributes = "") {
  return "<" + tag + (attributes.empty() ? "" : " " + attributes) + ">" + escape_html(text) + "</" + tag + ">";
}

// A class's name where room is short; all of it as a tooltip where it is cut.
std::string name_element(const std::string& tag, const std::string& name, const std::string& attributes = "") {
  const std::string shown = shortened(name, 22);
  return element(tag, shown, attributes + (shown == name ? "" : " title=\"" + escape_html(name) + "\""));
}

std::string percent_or_dash(double fraction) { return std::isfinite(fraction) ? percent(fraction) : "–"; }

std::string tile(const std::string& value, const std::string& name, const std::string& css = "") {
  return "<div" + (css.empty() ? "" : " class=\"" + css + "\"") + ">" + element("span", name) + element("b", value) + "</div>\n";
}

std::string header(const ReportData& data) {
  const RunSummary& s = data.summary;
  std::string line = std::to_string(s.epochs) + (s.epochs == 1 ? " epoch" : " epochs") + " in " + duration(s.seconds);
  if (!s.started.empty()) line += ", started " + s.started;
  return "<header>\n" + element("h1", s.model + " on " + s.data) + "\n" + element("p", line, "class=\"soft\"") + "\n" +
         (data.note.empty() ? "" : element("p", data.note, "class=\"note\"") + "\n") + "</header>\n";
}

std::string tiles(const RunSummary& s) {
  const std::int64_t total = s.confusion.total();
  std::string out = "<section class=\"tiles\">\n";
  const std::string right = total ? ", " + count_text(s.confusion.correct()) + " of " + count_text(total) + " images" : "";
  out += tile(percent_or_dash(s.test_accuracy), "Test accuracy" + right, "main");
  if (std::isfinite(s.test_loss)) out += tile(fixed(s.test_loss, 4), "Test loss");
  if (std::isfinite(s.validation_accuracy)) out += tile(percent(s.validation_accuracy), "Validation accuracy");
  if (s.images_per_second > 0) out += tile(count_text(std::llround(s.images_per_second)), "Images per second");
  if (s.peak_memory_bytes > 0) out += tile(bytes_text(s.peak_memory_bytes), "Peak memory");
  if (s.parameters > 0) out += tile(count_text(s.parameters), "Parameters");
  return out + "</section>\n";
}

std::string curves(const std::vector<EpochMetrics>& epochs) {
  std::string out = "<section>\n<div class=\"curves\">\n";
  if (epochs.empty()) return out + element("p", "No epoch was finished.", "class=\"soft\"") + "</div>\n</section>\n";
  for (const Chart& chart : training_charts(epochs))
    out += "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 " + svg_number(chart.width) + " " + svg_number(chart.height) +
           "\" aria-label=\"" + escape_html(chart.title + " by epoch") + "\">\n" + chart_svg(chart) + "</svg>\n";
  return out + "</div>\n</section>\n";
}

std::string matrix(const Confusion& c) {
  const bool tall = std::any_of(c.class_names.begin(), c.class_names.end(), [](const std::string& name) { return columns(name) > 4; });
  std::string out = "<div class=\"scroll\"><table class=\"matrix\" style=\"max-width:" + std::to_string(200 + 42 * c.classes()) + "px\">\n<thead><tr><td></td>";
  for (const std::string& name : c.class_names)
    out += tall ? "<th scope=\"col\" class=\"tall\">" + name_element("span", name) + "</th>" : element("th", name, "scope=\"col\"");
  out += "</tr></thead>\n<tbody>\n";
  for (int truth = 0; truth < c.classes(); ++truth) {
    out += "<tr>" + name_element("th", c.class_names[truth], "scope=\"row\"");
    for (int predicted = 0; predicted < c.classes(); ++predicted) {
      const std::int64_t count = c.at(truth, predicted);
      const std::string tip = escape_html(count_text(count) + " of " + count_text(c.row(truth)) + ": " + c.class_names[truth] + " taken for " + c.class_names[predicted]);
      if (count == 0) out += "<td class=\"none\" title=\"" + tip + "\">0</td>";
      else out += std::string("<td class=\"") + (truth == predicted ? "ok" : "bad") + "\" style=\"--t:" + fixed(cell_tint(c, truth, predicted), 2) +
                  "\" title=\"" + tip + "\">" + count_text(count) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n<div class=\"key\"><span><i class=\"ok\"></i>right, share of the class</span>"
               "<span><i class=\"bad\"></i>wrong, share of the class</span></div>\n";
}

std::string pairs(const Confusion& c) {
  std::string out = "<div class=\"scroll\"><table class=\"list\">\n<thead><tr><th scope=\"col\">true class</th><th scope=\"col\" class=\"text\">taken for</th>"
                    "<th scope=\"col\">images</th></tr></thead>\n<tbody>\n";
  for (const auto& [truth, predicted, count] : most_mistaken(c, list_limit))
    out += "<tr>" + name_element("th", c.class_names[truth], "scope=\"row\"") + name_element("td", c.class_names[predicted], "class=\"text\"") + element("td", count_text(count)) + "</tr>\n";
  return out + "</tbody></table></div>\n";
}

std::string confusion_section(const Confusion& c) {
  if (c.classes() <= matrix_limit)
    return "<section>\n<h2>Confusion matrix</h2>\n<p class=\"soft\">Test images; rows are true classes, columns predictions.</p>\n" + matrix(c) + "</section>\n";
  return "<section>\n<h2>Most frequent mistakes</h2>\n" + element("p", "Test images, " + count_text(c.classes()) + " classes.", "class=\"soft\"") + "\n" +
         pairs(c) + "</section>\n";
}

std::string classes_section(const Confusion& c) {
  std::vector<int> order(c.classes());
  std::iota(order.begin(), order.end(), 0);
  std::string about = "Precision: of the images taken for the class, how many are of it. Recall: of the images of the class, how many were found.";
  if (c.classes() > list_limit) {
    about += " The " + std::to_string(list_limit) + " classes with the lowest F1 of " + count_text(c.classes()) + ".";
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return (std::isnan(c.f1(a)) ? 2 : c.f1(a)) < (std::isnan(c.f1(b)) ? 2 : c.f1(b)); });
    order.resize(list_limit);
  }
  std::string out = "<section>\n<h2>Classes</h2>\n" + element("p", about, "class=\"soft\"") +
                    "\n<div class=\"scroll\"><table class=\"list\">\n<thead><tr><th scope=\"col\">class</th><th scope=\"col\">images</th>"
                    "<th scope=\"col\">precision</th><th scope=\"col\">recall</th><th scope=\"col\">F1</th></tr></thead>\n<tbody>\n";
  for (int k : order)
    out += "<tr>" + name_element("th", c.class_names[k], "scope=\"row\"") + element("td", count_text(c.row(k))) + element("td", percent_or_dash(c.precision(k))) +
           element("td", percent_or_dash(c.recall(k))) + element("td", percent_or_dash(c.f1(k))) + "</tr>\n";
  return out + "</tbody></table></div>\n</section>\n";
}

std::string mistakes_section(const ReportData& data) {
  const Confusion& c = data.summary.confusion;
  const std::int64_t wrong = c.total() - c.correct();
  std::string out = "<section>\n<h2>Worst mistakes</h2>\n";
  if (data.mistakes.empty())
    return out + element("p", wrong ? "No pictures were kept." : "None: every test image is right.", "class=\"soft\"") + "\n</section>\n";
  const int shown = std::min<int>(mistakes_limit, static_cast<int>(data.mistakes.size()));
  out += element("p", wrong > shown ? "The " + std::to_string(shown) + " of " + count_text(wrong) + " wrong test images of which the model was most sure."
                                    : "All wrong test images, those of which the model was most sure first.", "class=\"soft\"") + "\n<div class=\"mistakes\">\n";
  for (int i = 0; i < shown; ++i) {
    const Mistake& m = data.mistakes[i];
    if (m.truth < 0 || m.truth >= c.classes() || m.predicted < 0 || m.predicted >= c.classes())
      throw Error("report: a mistake names the classes " + std::to_string(m.truth) + " and " + std::to_string(m.predicted) + " of " + std::to_string(c.classes()));
    const std::string png = base64(png_bytes(m.picture)), &truth = c.class_names[m.truth], &predicted = c.class_names[m.predicted];
    const int scale = std::max(1, picture_pixels / std::max(m.picture.width, m.picture.height));  // whole, so that every pixel is a square
    out += "<figure><div><img width=\"" + std::to_string(m.picture.width * scale) + "\" height=\"" + std::to_string(m.picture.height * scale) + "\" alt=\"" +
           escape_html(truth + " taken for " + predicted) + "\" src=\"data:image/png;base64," + png + "\"/></div><figcaption>" +
           "<span title=\"" + escape_html(truth) + "\">true " + element("b", truth) + "</span><span title=\"" + escape_html(predicted) + "\">predicted " +
           element("b", predicted) + "</span>" + element("span", percent_or_dash(m.confidence) + " sure", "class=\"soft\"") + "</figcaption></figure>\n";
  }
  return out + "</div>\n</section>\n";
}

std::string facts(const std::string& title, const Settings& settings) {
  if (settings.empty()) return "";
  std::string out = element("h2", title) + "\n<dl>\n";
  for (const auto& [name, value] : settings) out += "<div>" + element("dt", name) + element("dd", setting_text(value)) + "</div>\n";
  return out + "</dl>\n";
}

std::string facts_section(const RunSummary& s) {
  return "<section class=\"facts\">\n<div class=\"first\">\n" + facts("Configuration", s.config) + "</div>\n<div>\n" + facts("Versions", s.versions) +
         facts("Machine", s.machine) + "</div>\n</section>\n";
}

std::string repeat_section(const RunSummary& s) {
  if (s.command.empty() && s.weights_hash.empty()) return "";
  std::string out = "<section>\n<h2>Repeat this run</h2>\n";
  if (!s.weights_hash.empty()) out += element("p", "The weights it ends with have the hash " + s.weights_hash + ".", "class=\"soft\" style=\"overflow-wrap:anywhere\"") + "\n";
  if (!s.command.empty()) out += element("pre", s.command) + "\n";
  return out + "</section>\n";
}

}  // namespace

std::string report_html(const ReportData& data) {
  const RunSummary& s = data.summary;
  s.confusion.check();
  std::string out = "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
                    element("title", s.model + " on " + s.data + ": " + percent_or_dash(s.test_accuracy)) + "\n<style>\n" + report_css + chart_style() +
                    "</style>\n</head>\n<body>\n<main>\n";
  out += header(data) + tiles(s) + curves(data.epochs);
  if (s.confusion.classes() > 0) out += "<div class=\"pair\">\n" + confusion_section(s.confusion) + classes_section(s.confusion) + "</div>\n" + mistakes_section(data);
  return out + facts_section(s) + repeat_section(s) + "</main>\n</body>\n</html>\n";
}

}  // namespace mica::tools
