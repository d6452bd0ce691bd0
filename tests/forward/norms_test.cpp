#include <weighbridge/forward/norms.hpp>

#include <gmock/gmock.h>

#include "forward/matrices.hpp"

namespace weighbridge::forward {
namespace {

using test::near;
using test::rows;

TEST(Norms, RmsDividesByTheRootOfTheMeanSquare) {
  EXPECT_THAT(rms_norm(rows({{3, 4}, {0.3F, 0.4F}}), {2, 0.5F}, {.epsilon = 0}).values, near({1.697056F, 0.565685F, 1.697056F, 0.565685F}));
}

TEST(Norms, EpsilonIsAddedToTheMeanSquare) {
  EXPECT_THAT(rms_norm(rows({{3, 4}}), {}, {.epsilon = 12.5F}).values, near({0.6F, 0.8F}));
}

TEST(Norms, ZeroCentredWeightsAreOneMore) {
  EXPECT_THAT(rms_norm(rows({{3, 4}}), {2, 0.5F}, {.epsilon = 0, .offset = 1}).values, near({2.545584F, 1.697056F}));
}

TEST(Norms, HeadsAreNormalisedByThemselves) {
  const Norm heads{.epsilon = 0, .width = 2};
  EXPECT_THAT(rms_norm(rows({{3, 4, 30, 40}}), {1, 2}, heads).values, near({0.848528F, 2.262742F, 0.848528F, 2.262742F}));
  EXPECT_THAT(rms_norm(rows({{3, 4, 30, 40}}), {1, 2, 3, 4}, heads).values, near({0.848528F, 2.262742F, 2.545584F, 4.525483F}));
}

TEST(Norms, LayerNormTakesTheMeanAway) {
  EXPECT_THAT(layer_norm(rows({{1, 3}}), {2, 3}, {10, 20}, {.epsilon = 0}).values, near({8, 23}));
  EXPECT_THAT(layer_norm(rows({{1, 3}}), {1, 2}, {}, {.epsilon = 0, .offset = 1}).values, near({-2, 3}));
}

TEST(Norms, RefuseWeightsThatDoNotFit) {
  EXPECT_THROW(rms_norm(rows({{1, 2, 3}}), {1, 2}, {}), std::invalid_argument);
  EXPECT_THROW(rms_norm(rows({{1, 2, 3}}), {}, {.width = 2}), std::invalid_argument);
}

}  // namespace
}  // namespace weighbridge::forward
