#include <gtest/gtest.h>
#include "mica/core/hash_internal.h"
#include "mica/mica.h"

using namespace mica;

namespace {
uint64_t xxh64(std::string_view text, uint64_t seed = 0, size_t piece = 1000) {
  detail::Xxh64 h(seed);
  for (size_t i = 0; i < text.size(); i += piece) h.add(std::as_bytes(std::span(text.substr(i, piece))));
  return h.value();
}
// The buffer of xxHash's own self-test.
std::string sanity_buffer(size_t n) {
  std::string s;
  uint64_t generator = 2654435761u;
  for (size_t i = 0; i < n; ++i, generator *= 11400714785074694797u) s += char(generator >> 56);
  return s;
}
}  // namespace

TEST(Hash, Xxh64GivesThePublishedValues) {  // xxHash, tests/sanity_test_vectors.h
  constexpr uint64_t prime32 = 2654435761u;
  EXPECT_EQ(xxh64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(xxh64("", prime32), 0xAC75FDA2929B17EFu);
  EXPECT_EQ(xxh64(sanity_buffer(1)), 0xE934A84ADB052768u);
  EXPECT_EQ(xxh64(sanity_buffer(1), prime32), 0x5014607643A9B4C3u);
  EXPECT_EQ(xxh64(sanity_buffer(4)), 0x9136A0DCA57457EEu);
  EXPECT_EQ(xxh64(sanity_buffer(14)), 0x8282DCC4994E35C8u);
  EXPECT_EQ(xxh64(sanity_buffer(14), prime32), 0xC3BD6BF63DEB6DF0u);
  EXPECT_EQ(xxh64(sanity_buffer(222)), 0xB641AE8CB691C174u);
  EXPECT_EQ(xxh64(sanity_buffer(222), prime32), 0x20CB8AB7AE10C14Au);
  EXPECT_EQ(xxh64("abc"), 0x44BC2CF5AD770999u);
  for (size_t piece : {1, 3, 31, 32, 33, 100}) EXPECT_EQ(xxh64(sanity_buffer(222), 0, piece), 0xB641AE8CB691C174u) << piece;
}

TEST(Hash, LayoutDoesNotCount) {
  const Tensor x = randn({2, 3, 4, 5});
  const std::string h = hash({{"x", x}});
  EXPECT_EQ(h.size(), 16u);
  EXPECT_EQ(hash({{"x", contiguous(x, Layout::channels_last)}}), h);
  EXPECT_EQ(hash({{"x", permute(contiguous(permute(x, {3, 1, 0, 2})), {2, 1, 3, 0})}}), h);
  EXPECT_EQ(hash({{"x", slice(from(std::vector<float>{9, 1, 2, 9}), 0, 1, 3)}}), hash({{"x", tensor({1, 2})}}));
}

TEST(Hash, EverythingElseCounts) {
  const std::map<std::string, Tensor> base{{"a", tensor({1, 2})}, {"b", tensor({3})}};
  const std::string h = hash(base);
  EXPECT_EQ(hash({{"b", tensor({3})}, {"a", tensor({1, 2})}}), h);
  EXPECT_NE(hash({{"a", tensor({1, 2})}, {"c", tensor({3})}}), h);            // a name
  EXPECT_NE(hash({{"a", tensor({1, 3})}, {"b", tensor({3})}}), h);            // a value
  EXPECT_NE(hash({{"a", tensor({{1, 2}})}, {"b", tensor({3})}}), h);          // a shape
  EXPECT_NE(hash({{"a", tensor({1, 2})}, {"b", tensor({3}, {f64})}}), h);     // a dtype
  EXPECT_NE(hash({{"a", tensor({1})}, {"b", tensor({2, 3})}}), h);            // where the values belong
  EXPECT_NE(hash({{"a", tensor({1, 2})}}), h);
  EXPECT_NE(hash({{"a", zeros({1}, {f32})}}), hash({{"a", zeros({1}, {i32})}}));
  EXPECT_NE(hash({{"a", zeros({0, 2})}}), hash({{"a", zeros({2, 0})}}));
  EXPECT_EQ(hash({}), "ef46db3751d8e999");
  EXPECT_THROW(hash({{"a", Tensor()}}), Error);
}
