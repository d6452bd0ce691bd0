#include <weighbridge/forward/activation.hpp>
#include <weighbridge/forward/mixture.hpp>

#include <gmock/gmock.h>

#include <cmath>

#include "forward/matrices.hpp"

namespace weighbridge::forward {
namespace {

using test::near;
using test::rows;

TEST(Activations, HaveTheirValues) {
  EXPECT_THAT(activated(rows({{1, -1}}), Activation::silu).values, near({0.7310586F, -0.2689414F}));
  EXPECT_THAT(activated(rows({{1, -1}}), Activation::gelu).values, near({0.8413447F, -0.1586553F}));
  EXPECT_THAT(activated(rows({{1, -1}}), Activation::gelu_tanh).values, near({0.8411920F, -0.1588080F}));
  EXPECT_THAT(activated(rows({{1, -1}}), Activation::quick_gelu).values, near({0.8457957F, -0.1542043F}));
  EXPECT_THAT(activated(rows({{3, -3}}), Activation::squared_relu).values, near({9, 0}));
  EXPECT_THAT(activated(rows({{3, -3}}), Activation::relu).values, near({3, 0}));
}

TEST(Activations, AreNamedByEitherSide) {
  EXPECT_EQ(activation_named("gelu_pytorch_tanh"), activation_named("gelu_tanh"));
  EXPECT_EQ(activation_named("relu2"), activation_named("squared_relu"));
  EXPECT_THROW(activation_named("mish"), Failure);
}

TEST(Gates, MultiplyTheOtherFactor) {
  EXPECT_THAT(gated(rows({{1}}), rows({{2}}), {}).values, near({1.4621172F}));
}

// The gate is cut at 7 from above only, the other factor at 7 and -7 before 1 is added.
TEST(Gates, AreClampedAndShifted) {
  const Gate clamped{.activation = Activation::relu, .clamp = 7, .offset = 1};
  EXPECT_THAT(gated(rows({{10, 2, -10}}), rows({{-9, 9, 1}}), clamped).values, near({-42, 16, 0}));
}

TEST(SoftCaps, BendBeyondTheirValue) {
  auto x = rows({{std::log(3.0F) * 30, 0, -1e9F}});
  soft_cap(x, 30);
  EXPECT_THAT(x.values, near({24, 0, -30}));
}

const std::vector<float> kLogits{0, std::log(2.0F), std::log(3.0F), std::log(4.0F)};  // of which softmax makes 0.1 to 0.4

auto is(std::int64_t expert, float weight) {
  return testing::AllOf(testing::Field(&Choice::expert, expert), testing::Field(&Choice::weight, testing::FloatNear(weight, 1e-6F)));
}

TEST(Routes, TakeTheBestBySoftmax) {
  EXPECT_THAT(route(kLogits, {.score = Score::softmax, .chosen = 2}), testing::ElementsAre(is(3, 0.4F), is(2, 0.3F)));
  EXPECT_THAT(route(kLogits, {.score = Score::softmax, .chosen = 2, .normalised = true}), testing::ElementsAre(is(3, 4.0F / 7), is(2, 3.0F / 7)));
  EXPECT_THAT(route(kLogits, {.score = Score::softmax_of_chosen, .chosen = 2}), testing::ElementsAre(is(3, 4.0F / 7), is(2, 3.0F / 7)));
}

// sigmoid(ln x) = x / (1 + x). The bias helps to choose and does not weigh.
TEST(Routes, TakeTheBestBySigmoidAndBias) {
  EXPECT_THAT(route(kLogits, {.score = Score::sigmoid, .chosen = 2}), testing::ElementsAre(is(3, 0.8F), is(2, 0.75F)));
  EXPECT_THAT(route(kLogits, {.score = Score::sigmoid, .chosen = 2, .normalised = true, .scale = 2, .bias = {0.5F, 0, 0, 0}}),
              testing::ElementsAre(is(0, 2 * 0.5F / 1.3F), is(3, 2 * 0.8F / 1.3F)));
}

// Scores 0.4 0.1 | 0.3 0.3: by its best expert the first group is better, by the sum of two the second.
TEST(Routes, AreLimitedToTheBestGroups) {
  const std::vector<float> logits{std::log(0.4F), std::log(0.1F), std::log(0.3F), std::log(0.3F)};
  Routing routing{.score = Score::softmax, .chosen = 2, .groups = 2, .chosen_groups = 1, .group_best = 1};
  EXPECT_THAT(route(logits, routing), testing::ElementsAre(is(0, 0.4F / 1.1F), is(1, 0.1F / 1.1F)));
  routing.group_best = 2;
  EXPECT_THAT(route(logits, routing), testing::ElementsAre(is(2, 0.3F / 1.1F), is(3, 0.3F / 1.1F)));
}

TEST(Mixtures, SumWhatTheChosenExpertsGive) {
  std::vector<std::int64_t> asked;
  const auto y = mixture(rows({{1, 2}, {3, 4}, {5, 6}}), rows({{0, std::log(3.0F), -99}, {0, std::log(3.0F), -99}, {5, 0, -99}}),
                         {.score = Score::softmax_of_chosen, .chosen = 2}, [&](std::int64_t expert, const Matrix& own) {
                           asked.push_back(expert);
                           auto made = own;
                           scale(made, expert == 0 ? 4 : 40);
                           return made;
                         });
  EXPECT_THAT(asked, testing::ElementsAre(0, 1));  // and not the one that nobody chose
  const auto last = 1 / (1 + std::exp(-5.0F));
  EXPECT_THAT(y.values, near({31, 62, 93, 124, 5 * (4 * last + 40 * (1 - last)), 6 * (4 * last + 40 * (1 - last))}));
}

}  // namespace
}  // namespace weighbridge::forward
