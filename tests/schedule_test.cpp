#include <gtest/gtest.h>
#include <cmath>
#include "mica/mica.h"
#include "op_case.h"

using namespace mica;
using mica::testing::error_of;

TEST(Schedule, BeyondItsEndTheRateStays) {
  EXPECT_EQ(cosine({.rate = 1, .steps = 10, .least = 0.1})(1000), 0.1);
  const Schedule cycle = one_cycle({.rate = 1, .steps = 10});
  EXPECT_EQ(cycle(1000), cycle(9));
  EXPECT_NEAR(cycle(9), 1 / 25.0 / 1e4, 1e-18);
}

TEST(Schedule, ShortOnesAreFinite) {
  for (int64_t steps : {1, 2, 3, 4}) for (double warm : {0.0, 0.3, 1.0}) {
    const Schedule cycle = one_cycle({.rate = 1, .steps = steps, .warm = warm});
    for (int64_t step = 0; step <= steps; ++step) {
      EXPECT_TRUE(std::isfinite(cycle(step))) << steps << " " << step;
      EXPECT_GE(cycle(step), 0) << steps << " " << step;
      EXPECT_LE(cycle(step), 1) << steps << " " << step;
    }
  }
  EXPECT_EQ(warm_up({.steps = 0, .then = constant_rate(2)})(0), 2);
}

TEST(Schedule, ByName) {
  for (const auto& name : schedule_names()) {
    const Schedule schedule = make_schedule(name, 0.5, 100);
    double largest = 0;
    for (int64_t step = 0; step < 100; ++step) largest = std::max(largest, schedule(step));
    EXPECT_NEAR(largest, 0.5, 1e-9) << name;
  }
  EXPECT_EQ(make_schedule("step", 1, 100)(49), 1);
  EXPECT_NEAR(make_schedule("step", 1, 100)(50), 0.1, 1e-15);
  EXPECT_NEAR(make_schedule("step", 1, 100)(75), 0.01, 1e-15);
}

TEST(Schedule, MistakesAreNamed) {
  EXPECT_EQ(error_of([] { step_decay({.rate = 1, .every = 0}); }), "schedule: `every` is 0");
  EXPECT_EQ(error_of([] { cosine({.rate = 1, .steps = -1}); }), "schedule: `steps` is -1");
  EXPECT_EQ(error_of([] { one_cycle({.rate = 1, .steps = 0}); }), "schedule: `steps` is 0");
  EXPECT_EQ(error_of([] { milestone_decay({.rate = 1, .milestones = {3, 2}}); }), "schedule: the milestones are not in order");
  EXPECT_EQ(error_of([] { warm_up({.steps = 3, .then = {}}); }), "schedule: warm_up has no `then`");
  EXPECT_EQ(error_of([] { make_schedule("cosin", 1, 1); }), "there is no schedule named 'cosin'; there are constant step cosine one-cycle");
}

TEST(Schedule, APlateauSurvivesNan) {
  Plateau plateau({.rate = 1, .factor = 0.5, .patience = 1});
  EXPECT_EQ(plateau.update(NAN), 1);
  EXPECT_EQ(plateau.update(3), 1);
  EXPECT_EQ(plateau.update(2), 1);  // better: nothing to lower
  EXPECT_EQ(plateau.update(2), 1);
  EXPECT_EQ(plateau.update(NAN), 0.5);
}
