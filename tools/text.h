#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mica::tools {

// Numbers as people read them.
std::string count_text(std::int64_t n);            // 14980 -> "14,980"
std::string fixed(double value, int decimals);     // 0.31 -> "0.3100"; "nan", "inf"
std::string shortest(double value);                // the shortest digits that give the same float32: 0.1f -> "0.1"
std::string percent(double fraction);              // 0.98888 -> "98.89 %"
std::string duration(double seconds);              // 7 -> "0:07", 75 -> "1:15", 3700 -> "1:01:40"; "?" if not finite or negative
std::string bytes_text(std::int64_t bytes);        // 1234567 -> "1.18 MiB"

// Text as one field of a CSV row (RFC 4180): quoted when it holds a comma, a quote or a line break.
std::string csv_field(std::string_view text);

// Text as HTML or XML text or attribute value: & < > " ' become entities; bytes that are not UTF-8 and characters XML does not allow become U+FFFD.
std::string escape_html(std::string_view text);

// Characters (code points) of UTF-8 text: the columns it takes on a terminal, for the alphabets mica prints.
int columns(std::string_view text);

// The first `count` characters of UTF-8 text; where something is cut, the last of them is an ellipsis.
std::string shortened(std::string_view text, int count);

// Edits that turn a into b: insert, delete, replace, swap two neighbours (optimal string alignment distance).
int edit_distance(std::string_view a, std::string_view b);

}  // namespace mica::tools
