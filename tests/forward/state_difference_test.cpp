#include "forward/state_difference.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "forward/kept_states.hpp"

namespace weighbridge {
namespace {

TEST(StateDifferences, AreRelativeToTheLargestValue) {
  const float a[] = {1, 2, 3, 10.5F}, b[] = {1, 2.5F, 3, 10};
  const auto difference = state_difference(a, 2, b, 2, 2, 2);
  EXPECT_NEAR(difference.relative, 0.05, 1e-12);     // 0.5 of 10
  EXPECT_NEAR(difference.worst_token, 0.2, 1e-12);   // 0.5 of 2.5
  EXPECT_EQ(difference.token, 0);
  EXPECT_EQ(difference.same_choice, 2);
}

TEST(StateDifferences, LeavePaddingOut) {
  const float a[] = {1, 2, 99}, b[] = {1, 2};
  EXPECT_EQ(state_difference(a, 3, b, 2, 1, 2).worst_token, 0);
}

TEST(StateDifferences, OfWhatIsNoNumberAreInfinite) {
  const float a[] = {1, std::numeric_limits<float>::quiet_NaN()}, b[] = {1, 2}, none[] = {0, 0};
  EXPECT_TRUE(std::isinf(state_difference(a, 2, b, 2, 1, 2).worst_token));
  EXPECT_TRUE(std::isinf(state_difference(b, 2, a, 2, 1, 2).worst_token));
  EXPECT_TRUE(std::isinf(state_difference(b, 2, none, 2, 1, 2).relative));
  EXPECT_EQ(state_difference(none, 2, none, 2, 1, 2).relative, 0);
}

TEST(KeptStatesOfASide, AreGivenBack) {
  auto kept = KeptStates::make();
  ASSERT_TRUE(kept);
  const float first[] = {1, 2, 3, 4}, second[] = {5, 6};
  ASSERT_TRUE(kept->keep(-1, 2, first, 4));
  ASSERT_TRUE(kept->keep(7, 1, second, 2));
  const auto one = kept->of(-1), other = kept->of(7), none = kept->of(3);
  ASSERT_TRUE(one && other && none);
  EXPECT_EQ(one->columns, 2);
  EXPECT_THAT(one->values, testing::ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(other->values, testing::ElementsAre(5, 6));
  EXPECT_TRUE(none->values.empty());
}

}  // namespace
}  // namespace weighbridge
