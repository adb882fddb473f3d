#include <gtest/gtest.h>
#include <unistd.h>
#include <filesystem>
#include <fstream>
#include "mica/core/safetensors_internal.h"
#include "mica/mica.h"

using namespace mica;

namespace {
struct Folder {  // of this test's own, removed with its content
  std::filesystem::path path;
  explicit Folder(const std::string& name = "test") : path(std::filesystem::temp_directory_path() / ("mica_safetensors_" + name + std::to_string(::getpid()))) { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string operator/(const std::string& name) const { return (path / name).string(); }
};

std::string file_of(const std::string& json, const std::string& values = "") {
  std::string s(8, '\0');
  for (size_t i = 0; i < 8; ++i) s[i] = char(json.size() >> 8 * i);
  return s + json + values;
}
void put(const std::string& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }
std::string bytes_of_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
// What loading these bytes says, without the file's name.
std::string refusal(const std::string& bytes) {
  static const Folder folder("refused");
  const std::string path = folder / "x";
  put(path, bytes);
  try { load_safetensors(path); }
  catch (const IoError& e) { return std::string(e.what()).substr(path.size() + 2); }
  return "(accepted)";
}
std::string one(const std::string& body, const std::string& values = "") { return file_of("{\"x\":{" + body + "}}", values); }
template <class F> std::string message(F&& f) {
  try { f(); } catch (const Error& e) { return e.what(); }
  return "(nothing thrown)";
}
}  // namespace

TEST(Safetensors, RoundTripOfEveryDtypeAndRank) {
  const Folder folder;
  std::map<std::string, Tensor> tensors{{"", full({}, 7)}, {"empty", zeros({3, 0, 2})}, {"näme \"quoted\"\n", tensor({1, -2, 3})}};
  for (DType t : {f64, f32, f16, bf16, i64, i32, u8, boolean})
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3}, Shape{1, 2, 1, 3, 1, 2}, Shape{0}})
      tensors[std::string(name_of(t)) + to_string(shape)] = randint(0, 2, shape, {t});
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"ключ", "line\nbreak"}};
  save_safetensors(folder / "a", tensors, metadata);
  const Safetensors back = load_safetensors(folder / "a");
  EXPECT_EQ(back.metadata, metadata);
  ASSERT_EQ(back.tensors.size(), tensors.size());
  for (auto& [name, x] : tensors) {
    const Tensor& y = back.tensors.at(name);
    EXPECT_EQ(describe(y), describe(x)) << name;
    EXPECT_EQ(y.to_vector<double>(), x.to_vector<double>()) << name;
  }
}

TEST(Safetensors, NothingIsAFileToo) {
  const Folder folder;
  save_safetensors(folder / "a", {});
  EXPECT_EQ(bytes_of_file(folder / "a"), file_of("{}      "));
  EXPECT_TRUE(load_safetensors(folder / "a").tensors.empty());
}

TEST(Safetensors, RowMajorWhateverTheStrides) {
  const Folder folder;
  const Tensor x = randn({2, 3, 4, 5});
  const Tensor channels_last = contiguous(x, Layout::channels_last);
  const Tensor turned = permute(contiguous(permute(x, {3, 1, 0, 2})), {2, 1, 3, 0}), part = slice(x, 2, 1, 3), row = x[1];
  const Tensor wide = expand(slice(x, 3, 0, 1), {2, 3, 4, 5});
  save_safetensors(folder / "a", {{"x", x}});
  for (auto& [name, y] : {std::pair("channels_last", channels_last), {"turned", turned}}) {
    ASSERT_FALSE(y.is_contiguous());
    save_safetensors(folder / name, {{"x", y}});
    EXPECT_EQ(bytes_of_file(folder / name), bytes_of_file(folder / "a")) << name;
  }
  save_safetensors(folder / "b", {{"part", part}, {"row", row}, {"wide", wide}});
  const auto back = load_safetensors(folder / "b").tensors;
  EXPECT_EQ(back.at("part").to_vector<float>(), part.to_vector<float>());
  EXPECT_EQ(back.at("row").to_vector<float>(), row.to_vector<float>());
  EXPECT_EQ(back.at("wide").to_vector<float>(), wide.to_vector<float>());
}

TEST(Safetensors, ValuesAreAligned) {
  const Folder folder;
  save_safetensors(folder / "a", {{"a", ones({3}, {u8})}, {"b", ones({1}, {bf16})}, {"c", ones({1}, {f64})}, {"d", ones({3}, {f32})}});
  const std::string bytes = bytes_of_file(folder / "a");
  EXPECT_EQ(bytes.substr(8), R"({"c":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"d":{"dtype":"F32","shape":[3],"data_offsets":[8,20]},)"
                             R"("b":{"dtype":"BF16","shape":[1],"data_offsets":[20,22]},"a":{"dtype":"U8","shape":[3],"data_offsets":[22,25]}})" +
                                 std::string(bytes.find('\0', 8) == bytes.npos ? 0 : bytes.find('\0', 8) - bytes.rfind('}') - 1, ' ') + bytes.substr(bytes.size() - 25));
  EXPECT_EQ((bytes.size() - 25) % 8, 0u);
}

TEST(Safetensors, LoadedTensorsOwnTheirMemory) {
  const Folder folder;
  save_safetensors(folder / "a", {{"x", tensor({1, 2})}, {"y", tensor({3})}});
  Safetensors loaded = load_safetensors(folder / "a");
  std::filesystem::resize_file(folder / "a", 0);
  fill(loaded.tensors.at("x"), 9);
  EXPECT_EQ(loaded.tensors.at("y").item(), 3);
}

TEST(Safetensors, AFailedSaveLeavesTheOldFileAndNothingElse) {
  const Folder folder;
  save_safetensors(folder / "a", {{"x", ones({2})}});
  const std::string before = bytes_of_file(folder / "a");
  EXPECT_EQ(message([&] { save_safetensors(folder / "a", {{"x", ones({2})}, {"y", Tensor()}}); }), "save_safetensors: tensor 'y' is undefined");
  EXPECT_EQ(message([&] { save_safetensors(folder / "a", {{"__metadata__", ones({2})}}); }), "save_safetensors: the format keeps the name __metadata__ for itself");
  EXPECT_EQ(message([&] { save_safetensors(folder / "a", {{"\xff", ones({2})}}); }), "save_safetensors: '?' is not UTF-8");
  EXPECT_EQ(message([&] { save_safetensors(folder / "no/a", {}); }), (folder / "no/a") + ": cannot create a file beside it: No such file or directory");
  std::filesystem::create_directory(folder / "b");
  EXPECT_EQ(message([&] { save_safetensors(folder / "b", {}); }), (folder / "b") + ": cannot rename the finished file: Is a directory");
  EXPECT_EQ(bytes_of_file(folder / "a"), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path), {}), 2);
}

TEST(Safetensors, FilesThatAreNone) {
  const Folder folder;
  EXPECT_EQ(message([&] { load_safetensors(folder / "none"); }), (folder / "none") + ": cannot open: No such file or directory");
  EXPECT_EQ(message([&] { load_safetensors(folder.path.string()); }), folder.path.string() + ": not a regular file");
  EXPECT_EQ(refusal(""), "not a safetensors file: it has 0 bytes, the header's length alone takes 8");
  EXPECT_EQ(refusal("1234567"), "not a safetensors file: it has 7 bytes, the header's length alone takes 8");
  EXPECT_EQ(refusal(std::string(8, '\0')), "the header does not begin with '{'");
  EXPECT_EQ(refusal(std::string(8, '\xff')), "not a safetensors file: its header would have 18446744073709551615 bytes; the limit is 100000000");
  EXPECT_EQ(refusal(std::string("\1\xe1\xf5\5\0\0\0\0{}", 10)), "not a safetensors file: its header would have 100000001 bytes; the limit is 100000000");
  EXPECT_EQ(refusal(std::string("\0\xe1\xf5\5\0\0\0\0{}", 10)), "cut off: the header has 100000000 bytes, the file only 2 behind its length");
}

TEST(Safetensors, HeadersThatBreakTheFormat) {
  EXPECT_EQ(refusal(file_of(" {}")), "the header does not begin with '{'");
  EXPECT_EQ(refusal(file_of("[]")), "the header does not begin with '{'");
  EXPECT_EQ(refusal(file_of(std::string("{}\0x", 4))), "the header contains a zero byte");
  EXPECT_EQ(refusal(file_of("{}")), "(accepted)");
  EXPECT_EQ(refusal(file_of("{}   ")), "(accepted)");
  EXPECT_NE(refusal(file_of("{} x")).find("the header is not JSON, at byte 4: "), std::string::npos);
  EXPECT_NE(refusal(file_of("{\"\xff\":{}}")).find("the header is not JSON, at byte 3: "), std::string::npos);
  EXPECT_EQ(refusal(file_of("{\"x\":3}")), "tensor 'x' is the number 3, not an object");
  EXPECT_EQ(refusal(file_of("{\"x\":[[[[")), "tensor 'x' is an array, not an object");
  EXPECT_EQ(refusal(file_of("{\"ü\\n\":3}")), "tensor 'ü?' is the number 3, not an object");
  EXPECT_EQ(refusal(file_of("{\"" + std::string(79, 'x') + "üü\":3}")), "tensor '" + std::string(79, 'x') + "...' is the number 3, not an object");
  EXPECT_EQ(refusal(file_of("{\"x\":null}")), "tensor 'x' is null, not an object");
  EXPECT_EQ(refusal(file_of("{\"__metadata__\":[]}")), "__metadata__ is an array, not an object");
  EXPECT_EQ(refusal(file_of("{\"__metadata__\":{\"a\":1}}")), "__metadata__: the value of 'a' is the number 1, not a string");
  EXPECT_EQ(refusal(file_of("{\"__metadata__\":{\"a\":{}}}")), "__metadata__: the value of 'a' is an object, not a string");
  EXPECT_EQ(refusal(file_of("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}")), "__metadata__: the key 'a' appears twice");
  EXPECT_EQ(refusal(file_of("{\"__metadata__\":{},\"__metadata__\":{}}")), "the name '__metadata__' appears twice");
  const std::string u8 = R"("dtype":"U8","shape":[1],"data_offsets":)";
  EXPECT_EQ(refusal(file_of("{\"x\":{" + u8 + "[0,1]},\"x\":{" + u8 + "[1,2]}}", "ab")), "the name 'x' appears twice");
}

TEST(Safetensors, EntriesThatBreakTheFormat) {
  EXPECT_EQ(refusal(one("")), "tensor 'x' has no dtype");
  EXPECT_EQ(refusal(one(R"("dtype":"U8")")), "tensor 'x' has no shape");
  EXPECT_EQ(refusal(one(R"("dtype":"U8","shape":[])")), "tensor 'x' has no data_offsets");
  EXPECT_EQ(refusal(one(R"("dtype":"U8","shape":[],"data_offsets":[0])")), "tensor 'x': data_offsets has 1 numbers, not 2");
  EXPECT_EQ(refusal(one(R"("dtype":"U8","shape":[],"data_offsets":[0,1,2])")), "tensor 'x': data_offsets has a third number");
  EXPECT_EQ(refusal(one(R"("dtype":8)")), "tensor 'x': dtype is the number 8");
  EXPECT_EQ(refusal(one(R"("shape":"[1]")")), "tensor 'x': shape is a string");
  EXPECT_EQ(refusal(one(R"("shape":[1.5])")), "tensor 'x': shape has a number that is no 64-bit integer");
  EXPECT_EQ(refusal(one(R"("shape":[[1]])")), "tensor 'x': shape has an array");
  EXPECT_EQ(refusal(one(R"("shape":[-1])")), "tensor 'x': shape has the negative number -1");
  EXPECT_EQ(refusal(one(R"("shape":[9223372036854775808])")), "tensor 'x': shape has the size 9223372036854775808");
  EXPECT_EQ(refusal(one(R"("shape":[18446744073709551616])")), "tensor 'x': shape has a number that is no 64-bit integer");
  EXPECT_EQ(refusal(one(R"("data_offsets":[-1,0])")), "tensor 'x': data_offsets has the negative number -1");
  EXPECT_EQ(refusal(one(R"("dtype":"U8","dtype":"U8")")), "tensor 'x': the key 'dtype' appears twice");
  EXPECT_EQ(refusal(one(R"("strides":[1])")), "tensor 'x': unknown key 'strides'");
  for (const char* dtype : {"F8_E4M3", "F8_E5M2", "U16", "I8", "C64", "f32", ""})
    EXPECT_EQ(refusal(one(std::string(R"("dtype":")") + dtype + R"(","shape":[1],"data_offsets":[0,1])", "a")),
              std::string("tensor 'x' has dtype '") + dtype + "'; mica has F64, F32, F16, BF16, I64, I32, U8 and BOOL");
  EXPECT_EQ(refusal(one(R"("dtype":"U8","shape":[1,1,1,1,1,1,1],"data_offsets":[0,1])", "a")), "tensor 'x' has 7 dimensions; mica has at most 6");
  EXPECT_EQ(refusal(one(R"("dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0])")), "tensor 'x': the shape [4294967296, 4294967296] does not fit in 64 bits");
  EXPECT_EQ(refusal(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,0])", "abcd")), "tensor 'x': data_offsets [4, 0] are in the wrong order");
  EXPECT_EQ(refusal(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", "abcd")), "tensor 'x': f32[2] takes 8 bytes, data_offsets [0, 4] hold 4");
  EXPECT_EQ(refusal(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", "abc")), "cut off: tensor 'x' ends at byte 4 behind the header; the file has 3");
  EXPECT_EQ(refusal(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])", "abcde")), "1 bytes at the end belong to no tensor");
  EXPECT_EQ(refusal(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", "abcdefgh")), "tensor 'x' begins at byte 4; a hole lies before it from 0");
  EXPECT_EQ(refusal(file_of("{}", "a")), "1 bytes at the end belong to no tensor");
  const auto two = [](int begin) {
    return file_of(R"({"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"U8","shape":[2],"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(begin + 2) + "]}}", std::string(size_t(begin) + 2, 'a'));
  };
  EXPECT_EQ(refusal(two(1)), "tensor 'y' begins at byte 1, inside the one before, which ends at 2");
  EXPECT_EQ(refusal(two(2)), "(accepted)");
  EXPECT_EQ(refusal(two(3)), "tensor 'y' begins at byte 3; a hole lies before it from 2");
  EXPECT_EQ(refusal(one(R"("dtype":"BOOL","shape":[3],"data_offsets":[0,3])", std::string("\0\1\2", 3))), "tensor 'x': value 2 is the byte 2; a bool is 0 or 1");
  EXPECT_EQ(refusal(one(R"("dtype":"F32","shape":[9223372036854775807,0],"data_offsets":[0,0])")), "tensor 'x': the shape [9223372036854775807, 0] does not fit in 64 bits");
}

// Whatever one byte of a file becomes, its header gives values that cover the rest exactly, or is refused.
TEST(Safetensors, EveryOneByteChangeIsRefusedOrHarmless) {
  const Folder folder;
  save_safetensors(folder / "a", {{"w", tensor({{1, 2}, {3, 4}})}, {"b", ones({3}, {boolean})}}, {{"k", "v"}});
  const std::string bytes = bytes_of_file(folder / "a");
  const auto refused = [](const std::string& file) {
    try {
      const auto all = std::as_bytes(std::span(file));
      const uint64_t n = detail::safetensors_header_bytes(all.first(std::min<size_t>(8, all.size())), all.size(), "file"), values = all.size() - 8 - n;
      uint64_t sum = 0;
      for (const auto& e : detail::parse_safetensors_header(all.subspan(8, n), values, "file").entries) sum += bytes_of(e.dtype) * uint64_t(e.shape.count());
      EXPECT_EQ(sum, values);
      return 0;
    } catch (const IoError&) { return 1; }
  };
  int changes = 0;
  for (size_t i = 0; i < bytes.size() - 19; ++i)
    for (int c = 0; c < 256; ++c) {
      std::string changed = bytes;
      changed[i] = char(c);
      changes += refused(changed);
    }
  EXPECT_GT(changes, 10000);
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_TRUE(refused(bytes.substr(0, n))) << n;
}
