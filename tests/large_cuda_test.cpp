#include <gtest/gtest.h>
#include "mica/core/config.h"
#include "mica/core/error.h"
#include "mica/mica.h"
// Tensors of more than 2^31 elements. Only on a GPU: the emulated device would play its threads for hours.
using namespace mica;

#if MICA_HAS_CUDA
namespace {
constexpr int64_t rows = 65'537, columns = 32'771;  // 2,147,713,027 elements
static_assert(rows * columns > int64_t(1) << 31);
double value(int64_t i, int64_t j) { return double(i % 13 * 16 + j % 16); }
Tensor pattern(Device device) {
  Tensor of_row = empty({rows, 1}, {u8}), of_column = empty({columns}, {u8});
  for (int64_t i = 0; i < rows; ++i) of_row.data_mut<uint8_t>()[i] = uint8_t(value(i, 0));
  for (int64_t j = 0; j < columns; ++j) of_column.data_mut<uint8_t>()[j] = uint8_t(value(0, j));
  return to(of_row, device) + to(of_column, device);
}
// The corners of y, where element (i, j) is value(from(i, j)).
template <class From> void expect_corners(const char* what, const Tensor& y, From from) {
  const int64_t h = y.size(0), w = y.size(1);
  for (const int64_t top : {int64_t(0), h / 2, h - 3})
    for (const int64_t left : {int64_t(0), w - 5}) {
      const std::vector<double> got = slice(slice(y, 0, top, top + 3), 1, left, left + 5).to_vector<double>();
      for (int64_t i = 0; i < 3; ++i)
        for (int64_t j = 0; j < 5; ++j) {
          const auto [from_i, from_j] = from(top + i, left + j);
          ASSERT_EQ(got[size_t(i * 5 + j)], value(from_i, from_j)) << what << ", element (" << top + i << ", " << left + j << ")";
        }
    }
}
}  // namespace

TEST(LargeTensors, MoreThanTwoToThe31Elements) {
  if (MICA_EMULATED || !cuda_available()) GTEST_SKIP() << "needs a GPU; the emulated device would take hours";
  const Device device = cuda();
  using Place = std::pair<int64_t, int64_t>;
  try {
    const Tensor x = pattern(device);
    expect_corners("add", x, [](int64_t i, int64_t j) { return Place(i, j); });
    expect_corners("transpose", contiguous(transpose(x, 0, 1)), [](int64_t i, int64_t j) { return Place(j, i); });
    expect_corners("flip", flip(x, {0, 1}), [](int64_t i, int64_t j) { return Place(rows - 1 - i, columns - 1 - j); });
    expect_corners("index_select", index_select(x, 0, to(arange(rows - 1, -1, -1), device)), [](int64_t i, int64_t j) { return Place(rows - 1 - i, j); });
    int64_t total = 0;
    for (int64_t i = 0; i < rows; ++i) total += i % 13 * 16 * columns;
    for (int64_t j = 0; j < columns; ++j) total += j % 16 * rows;
    EXPECT_EQ(sum(x).item_i64(), total);
    EXPECT_EQ(argmax(flatten(slice(x, 0, 1), 0)).item_i64(), 11 * columns + 15);
  } catch (const MemoryError& e) {
    GTEST_SKIP() << "this GPU's memory is too small: " << e.what();
  }
}
#endif
