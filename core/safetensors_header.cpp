#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include "mica/core/safetensors_internal.h"

namespace mica::detail {
namespace {
constexpr uint64_t most_header_bytes = 100'000'000;  // the reference implementation's limit

constexpr std::pair<const char*, DType> dtypes[] = {{"F64", f64}, {"F32", f32}, {"F16", f16}, {"BF16", bf16}, {"I64", i64}, {"I32", i32}, {"U8", u8}, {"BOOL", boolean}};

// Text from a file, fit for one line of an error: without control characters, not much longer than `most` bytes.
std::string printable(std::string text, size_t most, bool is_utf8) {
  if (text.size() > most) {
    while (most > 0 && (text[most] & 0xc0) == 0x80) --most;  // not inside a character
    text.replace(most, text.npos, "...");
  }
  for (char& c : text) if ((c >= 0 && c < ' ') || c == 127 || (c < 0 && !is_utf8)) c = '?';
  return text;
}
std::string in_quotes(const std::string& name) { return std::string("'").append(printable(name, 80, true)).append("'"); }

// Receives the events of the JSON parser and stops it at the first thing that does not belong: nothing is nested deeper than the format has
// it, and no more is kept than the file is long.
class Reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::string problem;  // why it stopped
  SafetensorsHeader header;

  bool null() override { return value("null"); }
  bool boolean(bool) override { return value("a boolean"); }
  bool number_float(double, const std::string&) override { return value("a number that is no 64-bit integer"); }
  bool binary(binary_t&) override { return value("binary data"); }
  bool number_integer(int64_t v) override { return v < 0 ? value("the negative number " + std::to_string(v)) : number_unsigned(uint64_t(v)); }
  bool number_unsigned(uint64_t v) override {
    if (place_ == Place::shape) {
      if (v > uint64_t(INT64_MAX)) return value("the size " + std::to_string(v));
      if (rank_++ < Shape::max_rank) entry_.shape.push_back(int64_t(v));
      return true;
    }
    if (place_ != Place::offsets || n_offsets_ == 2) return value(place_ == Place::offsets ? "a third number" : "the number " + std::to_string(v));
    (n_offsets_++ ? entry_.end : entry_.begin) = v;
    return true;
  }
  bool string(std::string& v) override {
    if (place_ == Place::metadata) { header.metadata[key_] = v; return true; }
    if (place_ != Place::field || key_ != "dtype") return value("a string");
    dtype_ = v;
    return true;
  }
  bool start_object(size_t) override {
    if (place_ == Place::outside) { place_ = Place::top; return true; }
    if (place_ != Place::entry) return value("an object");
    if (key_ == "__metadata__") { place_ = Place::metadata; keys_.clear(); return true; }
    entry_ = {};
    entry_.name = key_;
    dtype_.reset(); rank_ = -1; n_offsets_ = -1; keys_.clear();
    place_ = Place::fields;
    return true;
  }
  bool key(std::string& name) override {
    if (place_ == Place::top || place_ == Place::entry) {
      if (!names_.insert(name).second) return stop("the name " + in_quotes(name) + " appears twice");
      key_ = name; place_ = Place::entry;
      return true;
    }
    if (!keys_.insert(name).second) return stop(where() + ": the key " + in_quotes(name) + " appears twice");
    key_ = name;
    if (place_ == Place::metadata) return true;
    if (name != "dtype" && name != "shape" && name != "data_offsets") return stop(where() + ": unknown key " + in_quotes(name));
    place_ = Place::field;
    return true;
  }
  bool start_array(size_t) override {
    if (place_ != Place::field || key_ == "dtype") return value("an array");
    if (key_ == "shape") { place_ = Place::shape; rank_ = 0; } else { place_ = Place::offsets; n_offsets_ = 0; }
    return true;
  }
  bool end_array() override { place_ = Place::field; return true; }
  bool end_object() override {
    if (place_ == Place::metadata) { place_ = Place::entry; return true; }
    if (place_ != Place::fields && place_ != Place::field) return true;
    place_ = Place::entry;
    return finish_entry();
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception& e) override {
    const std::string_view what = e.what();  // [json.exception.parse_error.101] parse error at line ...: the reason
    const size_t colon = what.find(": ");
    return stop("the header is not JSON, at byte " + std::to_string(position) + printable(std::string(colon == what.npos ? "" : what.substr(colon)), 200, false));
  }

 private:
  enum class Place { outside, top, entry, metadata, fields, field, shape, offsets };

  bool stop(std::string why) { if (problem.empty()) problem = std::move(why); return false; }
  std::string where() const { return place_ == Place::metadata ? "__metadata__" : "tensor " + in_quotes(entry_.name); }
  bool value(const std::string& found) {
    switch (place_) {
      case Place::outside: return stop("the header is " + found + ", not an object");
      case Place::metadata: return stop("__metadata__: the value of " + in_quotes(key_) + " is " + found + ", not a string");
      case Place::top: case Place::entry: return stop((key_ == "__metadata__" ? key_ : "tensor " + in_quotes(key_)) + " is " + found + ", not an object");
      default: return stop(where() + ": " + key_ + (place_ == Place::field || place_ == Place::fields ? " is " : " has ") + found);
    }
  }
  bool finish_entry() {
    const std::string name = "tensor " + in_quotes(entry_.name);
    if (!dtype_) return stop(name + " has no dtype");
    if (rank_ < 0) return stop(name + " has no shape");
    if (n_offsets_ != 2) return stop(name + (n_offsets_ < 0 ? " has no data_offsets" : ": data_offsets has " + std::to_string(n_offsets_) + " numbers, not 2"));
    const auto known = std::find_if(std::begin(dtypes), std::end(dtypes), [&](auto& d) { return *dtype_ == d.first; });
    if (known == std::end(dtypes)) return stop(name + " has dtype " + in_quotes(*dtype_) + "; mica has F64, F32, F16, BF16, I64, I32, U8 and BOOL");
    if (rank_ > Shape::max_rank) return stop(name + " has " + std::to_string(rank_) + " dimensions; mica has at most " + std::to_string(Shape::max_rank));
    entry_.dtype = known->second;
    if (entry_.begin > entry_.end) return stop(name + ": data_offsets " + offsets() + " are in the wrong order");
    uint64_t bytes = bytes_of(entry_.dtype);
    for (const int64_t n : entry_.shape)
      if (__builtin_mul_overflow(bytes, uint64_t(n), &bytes) || bytes > uint64_t(INT64_MAX)) return stop(name + ": the shape " + to_string(entry_.shape) + " does not fit in 64 bits");
    if (bytes != entry_.end - entry_.begin)
      return stop(name + ": " + name_of(entry_.dtype) + to_string(entry_.shape) + " takes " + std::to_string(bytes) + " bytes, data_offsets " + offsets() + " hold " + std::to_string(entry_.end - entry_.begin));
    header.entries.push_back(std::move(entry_));
    return true;
  }
  std::string offsets() const { return to_string(Shape{int64_t(entry_.begin), int64_t(entry_.end)}); }

  Place place_ = Place::outside;
  std::string key_;
  std::set<std::string> names_, keys_;
  SafetensorsEntry entry_;
  std::optional<std::string> dtype_;
  int64_t rank_ = -1, n_offsets_ = -1;  // -1: not seen
};

std::string json_string(const std::string& text) {
  try { return nlohmann::json(text).dump(); }
  catch (const nlohmann::json::exception&) { throw Error("save_safetensors: '" + printable(text, 80, false) + "' is not UTF-8"); }
}
}  // namespace

uint64_t safetensors_header_bytes(std::span<const std::byte> first, uint64_t file_bytes, const std::string& file) {
  if (first.size() < 8 || file_bytes < 8) throw IoError(file + ": not a safetensors file: it has " + std::to_string(file_bytes) + " bytes, the header's length alone takes 8");
  uint64_t n = 0;
  for (int i = 7; i >= 0; --i) n = n << 8 | uint64_t(first[size_t(i)]);
  if (n > most_header_bytes) throw IoError(file + ": not a safetensors file: its header would have " + std::to_string(n) + " bytes; the limit is " + std::to_string(most_header_bytes));
  if (n > file_bytes - 8) throw IoError(file + ": cut off: the header has " + std::to_string(n) + " bytes, the file only " + std::to_string(file_bytes - 8) + " behind its length");
  return n;
}

SafetensorsHeader parse_safetensors_header(std::span<const std::byte> json, uint64_t data_bytes, const std::string& file) {
  const char* text = reinterpret_cast<const char*>(json.data());
  const auto fail = [&](const std::string& why) { throw IoError(file + ": " + why); };
  if (json.empty() || *text != '{') fail("the header does not begin with '{'");
  if (std::find(text, text + json.size(), '\0') != text + json.size()) fail("the header contains a zero byte");  // the parser would take it for the end
  Reader reader;
  if (!nlohmann::json::sax_parse(text, text + json.size(), &reader)) fail(reader.problem);
  SafetensorsHeader header = std::move(reader.header);
  std::stable_sort(header.entries.begin(), header.entries.end(), [](auto& a, auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  uint64_t at = 0;  // the values lie one behind the other, without hole or overlap, to the end of the file
  for (const SafetensorsEntry& e : header.entries) {
    const std::string name = "tensor " + in_quotes(e.name);
    if (e.begin != at) fail(name + " begins at byte " + std::to_string(e.begin) + (e.begin < at ? ", inside the one before, which ends at " : "; a hole lies before it from ") + std::to_string(at));
    if (e.end > data_bytes) fail("cut off: " + name + " ends at byte " + std::to_string(e.end) + " behind the header; the file has " + std::to_string(data_bytes));
    at = e.end;
  }
  if (at != data_bytes) fail(std::to_string(data_bytes - at) + " bytes at the end belong to no tensor");
  return header;
}

std::string format_safetensors_header(const SafetensorsHeader& header) {
  std::string json = "{";
  const auto comma = [&] { if (json.size() > 1) json += ","; };
  if (!header.metadata.empty()) {
    json += "\"__metadata__\":{";
    bool first = true;
    for (auto& [key, value] : header.metadata) { json.append(first ? "" : ",").append(json_string(key)).append(":").append(json_string(value)); first = false; }
    json += "}";
  }
  for (const SafetensorsEntry& e : header.entries) {
    comma();
    const auto dtype = std::find_if(std::begin(dtypes), std::end(dtypes), [&](auto& d) { return d.second == e.dtype; });
    json += json_string(e.name) + ":{\"dtype\":\"" + dtype->first + "\",\"shape\":[";
    for (int i = 0; i < e.shape.rank(); ++i) json.append(i ? "," : "").append(std::to_string(e.shape[i]));
    json += "],\"data_offsets\":[" + std::to_string(e.begin) + "," + std::to_string(e.end) + "]}";
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  if (json.size() > most_header_bytes) throw Error("save_safetensors: the header would have " + std::to_string(json.size()) + " bytes; the format's limit is " + std::to_string(most_header_bytes));
  std::string length(8, '\0');
  for (size_t i = 0; i < 8; ++i) length[i] = char(json.size() >> 8 * i);
  return length + json;
}

}  // namespace mica::detail
