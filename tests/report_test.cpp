#include "mica/tools/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cmath>
#include <cstring>
#include <regex>

#include "mica/core/error.h"
#include "mica/tools/chart.h"
#include "mica/tools/result_picture.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

// Why the text is not well-formed XML as mica writes it, or "": every tag closed in order, attributes quoted, no stray < or &.
std::string xml_fault(const std::string& xml) {
  static const std::regex tag(R"(<(/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z][A-Za-z0-9:-]*="[^"<]*")*)\s*(/?)>)");
  static const std::regex entity(R"(&(amp|lt|gt|quot|#39);)");
  std::vector<std::string> open;
  for (std::size_t at = xml.starts_with("<!DOCTYPE html>") ? 15 : 0; at < xml.size();) {
    std::smatch match;
    const auto here = xml.begin() + static_cast<std::ptrdiff_t>(at);
    if (xml[at] == '&' && !std::regex_search(here, xml.end(), match, entity, std::regex_constants::match_continuous)) return "stray & at " + xml.substr(at, 40);
    if (xml[at] != '<') { ++at; continue; }
    if (!std::regex_search(here, xml.end(), match, tag, std::regex_constants::match_continuous)) return "bad tag at " + xml.substr(at, 40);
    const std::string name = match[2];
    if (match[1] == "/") {
      if (open.empty() || open.back() != name) return "</" + name + "> closes " + (open.empty() ? "nothing" : open.back());
      open.pop_back();
    } else if (match[4] != "/") {
      open.push_back(name);
    }
    at += static_cast<std::size_t>(match.length());
  }
  return open.empty() ? "" : "<" + open.back() + "> is never closed";
}

// Text between tags, entities kept.
std::string text_of(const std::string& html) { return std::regex_replace(html, std::regex("<[^>]*>"), " "); }

ReportData example() {
  ReportData d;
  RunSummary& s = d.summary;
  s.model = "resnet20";
  s.data = "digits";
  s.epochs = 2;
  s.seconds = 75;
  s.test_accuracy = 0.9375;
  s.images_per_second = 23412.4;
  s.weights_hash = "9f3c2a";
  s.command = "mica train --seed 1";
  s.config = {{"lr", 0.1f}, {"augment", true}};
  s.versions = {{"mica", std::string("0.1.0")}};
  s.machine = {{"threads", std::int64_t{2}}};
  s.confusion = {{"cat", "<dog> & \"co\""}, {1234, 5, 0, 70}};
  d.epochs = {{1, 2.3, 1.9, 0.4, 0.1, 20000, 1.5}, {2, 0.5, 0.6, 0.875, 0.05, 20000, 1.5}};
  d.mistakes = {{{2, 1, 1, {0, 255}}, 0, 1, 0.987}, {{1, 1, 3, {255, 0, 0}}, 0, 1, 0.5}};
  return d;
}

TEST(Report, ShowsTheNumbers) {
  const std::string html = report_html(example()), text = text_of(html);
  for (const char* part : {"resnet20 on digits", "93.75 %", "1,304 of 1,309 images", "23,412", "2 epochs in 1:15", "1,234", "best 87.50 %, epoch 2", "9f3c2a",
                           "mica train --seed 1", "0.1.0", "98.70 % sure"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(html, HasSubstr("<dt>augment</dt><dd>yes</dd>"));
  EXPECT_THAT(html, HasSubstr("epoch 1\ntraining: 2.3\nvalidation: 1.9"));
  EXPECT_THAT(html, HasSubstr(">99.60 %</td>"));  // recall of cat, 1234 / 1239
  EXPECT_THAT(html, HasSubstr(">93.33 %</td>"));  // precision of the other, 70 / 75
}

TEST(Report, EscapesAllText) {
  ReportData d = example();
  const std::string evil = "<script>alert(\"x\" & 'y')</script>";
  d.summary.model = d.summary.data = d.summary.weights_hash = d.summary.command = d.summary.started = d.note = evil;
  d.summary.config = d.summary.versions = d.summary.machine = {{evil, evil}};
  d.summary.confusion.class_names = {evil, evil + "2"};
  for (const std::string& text : {report_html(d), result_svg(d)}) {
    EXPECT_THAT(text, Not(HasSubstr("<script")));
    EXPECT_THAT(text, HasSubstr("&lt;script&gt;"));
    EXPECT_EQ(xml_fault(text), "");
  }
}

TEST(Report, IsWellFormedAndSelfContained) {
  EXPECT_NE(xml_fault("<a><b></a></b>"), "");
  EXPECT_NE(xml_fault("<a>1 & 2</a>"), "");
  EXPECT_NE(xml_fault("<a"), "");
  ReportData empty;
  ReportData nothing_wrong = example();
  nothing_wrong.mistakes.clear();
  nothing_wrong.summary.confusion.counts = {3, 0, 0, 4};
  ReportData odd = example();
  odd.summary.test_accuracy = odd.summary.test_loss = NAN;
  odd.epochs = {{1, NAN, NAN, NAN, 0, 0, 0}, {2, INFINITY, NAN, NAN, 0, 0, 0}, {3, 1e30, NAN, NAN, 0, 0, 0}};
  ReportData many = example();
  many.summary.confusion.class_names.assign(100, "name");
  many.summary.confusion.counts.assign(100 * 100, 1);
  for (const ReportData& d : {example(), empty, nothing_wrong, odd, many})
    for (const std::string& text : {report_html(d), result_svg(d)}) {
      EXPECT_EQ(xml_fault(text), "");
      EXPECT_FALSE(std::regex_search(text, std::regex(R"((src|href)="(?!data:)|@import|url\()")));
      EXPECT_FALSE(std::regex_search(text, std::regex(R"re(="[^"]*\b(nan|inf)\b)re")));
      EXPECT_THAT(text, HasSubstr("prefers-color-scheme:dark"));
    }
  EXPECT_THAT(report_html(nothing_wrong), HasSubstr("None: every test image is right."));
  EXPECT_EQ(count(report_html(many), "<td"), 32 * 2 + 32 * 4);  // lists instead of a matrix of 10,000 cells
}

TEST(Report, ConfusionMatrixTints) {
  const Confusion c{{"a", "b", "c"}, {90, 10, 0, 0, 100, 0, 0, 0, 0}};
  EXPECT_EQ(cell_tint(c, 0, 2), 0);
  EXPECT_LT(cell_tint(c, 0, 0), cell_tint(c, 1, 1));
  EXPECT_GT(cell_tint(c, 0, 1), 0.2);  // a tenth of the class: well visible
  EXPECT_EQ(cell_tint(c, 2, 2), 0);
  EXPECT_EQ(count(report_html(example()), "<td class=\"ok\""), 2);
  EXPECT_EQ(count(report_html(example()), "<td class=\"bad\""), 1);
}

TEST(Report, MistakesAreCrispPictures) {
  const std::string html = report_html(example());
  EXPECT_THAT(html, HasSubstr("image-rendering:pixelated"));
  EXPECT_THAT(html, HasSubstr("<img width=\"112\" height=\"56\""));  // 56 times 2 x 1 pixels
  EXPECT_EQ(count(html, "src=\"data:image/png;base64,"), 2);
  ReportData d = example();
  d.mistakes.assign(100, d.mistakes[0]);
  EXPECT_EQ(count(report_html(d), "<figure>"), 48);
}

TEST(Report, RefusesWhatDoesNotFit) {
  ReportData d = example();
  d.mistakes[0].picture.pixels.pop_back();
  EXPECT_THROW(report_html(d), Error);
  d = example();
  d.mistakes[0].predicted = 2;
  EXPECT_THROW(report_html(d), Error);
  d = example();
  d.summary.confusion.counts.pop_back();
  EXPECT_THROW(report_html(d), Error);
  EXPECT_THROW(result_svg(d), Error);
}

TEST(ResultPicture, ShowsHeadlineCurvesAndMatrix) {
  const std::string svg = result_svg(example()), text = text_of(svg);
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  for (const char* part : {"resnet20 on digits", "93.75 %", "1,304 of 1,309 images", "1234", "Loss", "Accuracy", "Confusion matrix"}) EXPECT_THAT(text, HasSubstr(part));
  EXPECT_THAT(svg, Not(HasSubstr("var(")));
}

TEST(PictureTest, PngRoundTrip) {
  const Picture picture{2, 2, 3, {1, 2, 3, 40, 50, 60, 7, 8, 9, 255, 254, 253}};
  const std::string bytes = png_bytes(picture);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_TRUE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()));
  image.format = PNG_FORMAT_RGB;
  EXPECT_EQ(image.width, 2u);
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  ASSERT_TRUE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr));
  EXPECT_EQ(pixels, picture.pixels);
  EXPECT_THROW(png_bytes({2, 2, 2, std::vector<std::uint8_t>(8)}), Error);
  EXPECT_THROW(png_bytes({0, 2, 1, {}}), Error);
}

TEST(PictureTest, Base64) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\xFF\xFE\x00", 3)), "//4A");
}

TEST(AxisTest, TicksAreRoundNumbers) {
  const Axis a = nice_axis(0, 2.31, 6);
  EXPECT_THAT(a.ticks(), ElementsAre(0, 0.5, 1, 1.5, 2, 2.5));
  EXPECT_EQ(a.label(0.5), "0.5");
  EXPECT_EQ(a.label(0), "0");
  EXPECT_EQ(nice_axis(0, 0.1, 6).label(0.02), "0.02");
  EXPECT_EQ(nice_axis(0, 3e-6, 6).label(1e-6), "1e-06");
  EXPECT_EQ(nice_axis(51.3, 100, 6).low, 50);
  EXPECT_EQ(nice_axis(0, 40'000, 6).label(20'000), "20000");
}

TEST(AxisTest, CoversItsRange) {
  for (double low : {0.0, -3.7, 1e-9, 99.99, 1e20, -1e-5})
    for (double span : {0.0, 1e-7, 0.3, 1.0, 7.7, 1e4, 1e22}) {
      const Axis axis = nice_axis(low, low + span, 6);
      const double rounding = 1e-6 * axis.step + 4e-16 * std::abs(low);
      EXPECT_LE(axis.low, low + rounding) << low << " " << span;
      EXPECT_GE(axis.high, low + span - rounding) << low << " " << span;
      EXPECT_GT(axis.high, axis.low);
      EXPECT_LE(axis.ticks().size(), 7u);
    }
  EXPECT_EQ(nice_axis(NAN, 3, 6).low, 0);
  EXPECT_GT(nice_axis(0, 0, 6).high, 0);
}

TEST(ChartTest, GapsAndSinglePoints) {
  const Chart chart{"Loss", {1, 2, 3, 4}, {{"training", 1, {1, NAN, 3, 2}}}};
  const std::string svg = chart_svg(chart);
  EXPECT_EQ(count(svg, "<circle class=\"d1\""), 1);                       // epoch 1 stands alone
  EXPECT_TRUE(std::regex_search(svg, std::regex(R"re(<path class="l1" d="M[^M]*M[^ML]* [^ML]*L)re")));
  EXPECT_THAT(svg, HasSubstr("epoch 2\ntraining: -"));
}

TEST(ChartTest, BestAccuracyIsMarked) {
  std::vector<EpochMetrics> epochs;
  for (double accuracy : std::vector<double>{NAN, 0.5, 0.9, NAN, 0.9, 0.8}) epochs.push_back({static_cast<int>(epochs.size()) + 1, 1, 1, accuracy, 0.1, 1, 1});
  const auto charts = training_charts(epochs);
  ASSERT_EQ(charts.size(), 3u);
  EXPECT_EQ(charts[1].marked, 2);  // the first of equals
  for (EpochMetrics& m : epochs) m.validation_accuracy = NAN;
  EXPECT_EQ(training_charts(epochs).size(), 2u);
}

}  // namespace
}  // namespace mica::tools
