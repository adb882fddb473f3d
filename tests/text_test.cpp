#include "mica/tools/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mica::tools {
namespace {

TEST(Text, Numbers) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1000), "1,000");
  EXPECT_EQ(count_text(14980123), "14,980,123");
  EXPECT_EQ(count_text(-123), "-123");
  EXPECT_EQ(count_text(-1234), "-1,234");
  EXPECT_EQ(fixed(0.31, 4), "0.3100");
  EXPECT_EQ(fixed(std::nan(""), 4), "nan");
  EXPECT_EQ(shortest(0.1f), "0.1");
  EXPECT_EQ(shortest(1e-5), "1e-05");
  EXPECT_EQ(shortest(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(percent(0.988889), "98.89 %");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1'234'567), "1.18 MiB");
  EXPECT_EQ(bytes_text(std::int64_t{200} << 30), "200 GiB");
}

TEST(Text, Durations) {
  EXPECT_EQ(duration(0), "0:00");
  EXPECT_EQ(duration(7.4), "0:07");
  EXPECT_EQ(duration(59.9), "1:00");
  EXPECT_EQ(duration(3599.9), "1:00:00");
  EXPECT_EQ(duration(3700), "1:01:40");
  EXPECT_EQ(duration(-1), "?");
  EXPECT_EQ(duration(std::nan("")), "?");
}

TEST(Text, CsvQuoting) {
  EXPECT_EQ(csv_field("plain text"), "plain text");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv_field("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(csv_field(""), "");
}

TEST(Text, HtmlEscapes) {
  EXPECT_EQ(escape_html("<b>\"R&D\"</b> 'é' 日"), "&lt;b&gt;&quot;R&amp;D&quot;&lt;/b&gt; &#39;é&#39; 日");
  const std::string bad = "\xEF\xBF\xBD";  // U+FFFD
  EXPECT_EQ(escape_html(std::string("a\0b", 3)), "a" + bad + "b");
  EXPECT_EQ(escape_html("\x1B[31m"), bad + "[31m");
  EXPECT_EQ(escape_html("\xFF\xC3"), bad + bad);        // never valid; cut off
  EXPECT_EQ(escape_html("\xC0\xAF"), bad + bad);        // overlong /
  EXPECT_EQ(escape_html("\xED\xA0\x80"), bad + bad + bad);  // surrogate
  EXPECT_EQ(escape_html("\xEF\xBF\xBF"), bad);          // U+FFFF, which XML does not allow
  EXPECT_EQ(escape_html("\xF0\x9F\x98\x80"), "\xF0\x9F\x98\x80");
}

TEST(Text, ShortenedByCharacters) {
  EXPECT_EQ(columns("né"), 2);
  EXPECT_EQ(shortened("airplane", 8), "airplane");
  EXPECT_EQ(shortened("airplane", 5), "airp…");
  EXPECT_EQ(shortened("ééééé", 3), "éé…");
  EXPECT_EQ(shortened("abc", 1), "…");
  EXPECT_EQ(shortened("abc", 0), "");
}

TEST(Text, EditDistance) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("--epoch", "--epochs"), 1);
  EXPECT_EQ(edit_distance("trian", "train"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

}  // namespace
}  // namespace mica::tools
