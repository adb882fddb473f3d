#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using namespace mica::testing;

TEST(Broadcast, Arithmetic) {
  struct Case { Shape a, b; };
  const Case shapes[] = {{{3, 5}, {3, 5}}, {{3, 5}, {5}}, {{3, 1, 5}, {4, 1}}, {{}, {2, 3}}, {{7}, {}}, {{1}, {1, 1, 1}}, {{2, 0, 3}, {3}}, {{33, 17}, {33, 1}},
                         {{2, 3, 4, 5}, {3, 1, 1}}, {{2, 3, 4, 5}, {1, 3, 1, 5}}, {{600}, {1}}, {{1, 513}, {3, 1}},
                         {{0, 3}, {3}}, {{1, 1}, {4}}, {{2, 1, 3}, {1, 4, 1}}, {{3}, {2, 1, 3}}, {{1}, {0}}, {{9}, {1}}, {{1, 5}, {5, 1}}, {{2, 1, 2, 3, 2}, {3, 1}},
                         {{2, 2, 1, 2, 1, 3}, {2, 1, 1, 3}}};
  std::vector<OpCase> cases;
  for (const auto& [a, b] : shapes) {
    const std::string at = to_string(a) + to_string(b);
    const Tensor x = normal(a, 1), y = distinct(b, 2);
    cases.push_back({"add " + at, {x, y}, [](auto& x) { return x[0] + x[1]; }, {}, b.count() + 600});
    cases.push_back({"subtract " + at, {x, y}, [](auto& x) { return x[0] - x[1]; }, {}, b.count() + 600, true});
    cases.push_back({"multiply " + at, {x, y}, [](auto& x) { return x[0] * x[1]; }, {}, b.count() + 600});
    cases.push_back({"where " + at, {cast(ids(a, 2), boolean), x, y}, [](auto& x) { return where(x[0], x[1], x[2]); }, {}, b.count() + 600});
  }
  check_all(cases);
}

TEST(Broadcast, NamesTheSizesThatDoNotFit) {
  EXPECT_EQ(error_of([] { normal({2, 3}) + normal({4, 3}); }),
            "add: sizes 2 and 4 of dimension -2 do not broadcast\n  a: f64[2, 3] on cpu\n  b: f64[4, 3] on cpu");
}

TEST(Broadcast, NanInFullBatchesAndTails) {
  const Tensor nan = full({21}, NAN), one = ones({21});
  for (const Tensor& y : {isnan(nan), nan != nan, nan != one, one != nan, isnan(maximum(nan, one)), isnan(maximum(one, nan)), isnan(minimum(nan, one)),
                          isnan(minimum(one, nan)), logical_not(nan == nan)})
    EXPECT_EQ(y.to_vector<double>(), std::vector<double>(21, 1));
}
