#include <weighbridge/forward/rotary.hpp>

#include <gmock/gmock.h>

#include <numbers>

#include "forward/matrices.hpp"

namespace weighbridge::forward {
namespace {

using test::near;
using test::rows;

constexpr auto kQuarter = std::numbers::pi_v<float> / 2;

TEST(Rotary, FrequenciesArePowersOfTheBase) {
  EXPECT_THAT(frequencies_of(100, 4), near({1, 0.1F}));
  EXPECT_THAT(interpolated({1, 0.1F}, 2), near({0.5F, 0.05F}));
}

// The length is 2 pi, so a frequency is how often its wave fits into it.
TEST(Rotary, LongWavesAreSlowedAndShortOnesAreNot) {
  EXPECT_THAT(slowed_by_wavelength({8, 2.5F, 0.5F}, 8, 1, 4, 2 * std::numbers::pi), near({8, 1.40625F, 0.0625F}));
}

// Bounds -0.497 and 1.008 of the blend are widened to 0 and 2: the second frequency is half slowed by 4.
TEST(Rotary, YarnBlendsBetweenItsBounds) {
  EXPECT_THAT(yarn_frequencies(100, 4, {.factor = 4, .original = 64, .beta_fast = 32, .beta_slow = 1, .round = true}), near({1, 0.0625F}));
  // Kept as they are: (1 - 0) / 1.008 of it is slowed.
  EXPECT_THAT(yarn_frequencies(100, 4, {.factor = 4, .original = 64, .beta_fast = 32, .beta_slow = 1, .round = false}), near({1, 0.0255952F}));
  EXPECT_NEAR(yarn_scale(4), 1.1386294, 1e-7);
  EXPECT_NEAR(yarn_scale(4, 0.5), 1.0693147, 1e-7);
  EXPECT_EQ(yarn_scale(1), 1);
}

TEST(Rotary, TurnsHalvesOrNeighbours) {
  auto halves = rows({{1, 2, 3, 4}, {1, 2, 3, 4}});
  rotate(halves, 4, 2, {{kQuarter, 0}});
  EXPECT_THAT(halves.values, near({1, 2, 3, 4, -3, 2, 1, 4}));
  auto neighbours = rows({{1, 2, 3, 4}, {1, 2, 3, 4}});
  rotate(neighbours, 4, 2, {{kQuarter, 0}, 1, Pairs::neighbours});
  EXPECT_THAT(neighbours.values, near({1, 2, 3, 4, -2, 1, 3, 4}));
}

TEST(Rotary, PositionsBeginAnewWithEverySequence) {
  auto x = rows({{1, 0}, {1, 0}, {1, 0}});
  rotate(x, 2, 1, {{kQuarter}});
  EXPECT_THAT(x.values, near({1, 0, 1, 0, 1, 0}));
}

TEST(Rotary, LeavesTheRestOfAHeadAlone) {
  auto x = rows({{9, 9, 9, 9}, {7, 1, 2, 5}});
  rotate(x, 4, 2, {{kQuarter}, 2}, 1);
  EXPECT_THAT(x.values, near({9, 18, 18, 9, 7, -4, 2, 5}));
  EXPECT_THROW(rotate(x, 4, 2, {{1, 1}}, 1), std::invalid_argument);
}

}  // namespace
}  // namespace weighbridge::forward
