#include <weighbridge/forward/causal_convolution.hpp>
#include <weighbridge/forward/gated_delta.hpp>
#include <weighbridge/forward/state_space.hpp>

#include <gmock/gmock.h>

#include <cmath>

#include "forward/matrices.hpp"

namespace weighbridge::forward {
namespace {

using test::near;
using test::rows;

TEST(CausalConvolutions, SeeWhatCameBefore) {
  EXPECT_THAT(causal_convolution(rows({{1, 5}, {2, 6}, {3, 7}}), {10, 1, 0, 2}, {100, 0}, 3).values, near({101, 10, 112, 12, 123, 14}));
}

TEST(CausalConvolutions, BeginAnewWithEverySequence) {
  EXPECT_THAT(causal_convolution(rows({{1}, {2}, {3}, {4}}), {10, 1}, {}, 2).values, near({1, 12, 3, 34}));
  EXPECT_THROW(causal_convolution(rows({{1, 2}}), {1, 2, 3}, {}, 1), std::invalid_argument);
}

const auto kSoftplusIsLog2 = 0.0F;  // softplus(0) = ln 2

// dt = ln 2 and A = -1, so the state halves: h = ln2 * 3, then ln2 * 1.5 + ln2 * 5, and y = 2 h + 10 x.
TEST(StateSpaces, DecayAndTakeIn) {
  const StateSpace one{.heads = 1, .width = 1, .groups = 1, .state = 1, .decay_log = {0}, .skip = {10}, .step_bias = {kSoftplusIsLog2}};
  const auto ln2 = std::log(2.0F);
  const auto x = rows({{3}, {5}}), b = rows({{1}, {1}}), c = rows({{2}, {2}}), step = rows({{0}, {0}});
  EXPECT_THAT(scan(x, b, c, step, 2, one).values, near({6 * ln2 + 30, 13 * ln2 + 50}));
  EXPECT_THAT(scan(x, b, c, step, 1, one).values, near({6 * ln2 + 30, 10 * ln2 + 50}));  // two sequences
}

// Steps of at least ln 4 let the state sink to a quarter.
TEST(StateSpaces, StepsMayHaveALowerBound) {
  const auto ln4 = std::log(4.0F);
  const StateSpace one{.heads = 1, .width = 1, .groups = 1, .state = 1, .decay_log = {0}, .skip = {0}, .step_bias = {0}, .least_step = ln4};
  EXPECT_THAT(scan(rows({{4}, {0}}), rows({{1}, {1}}), rows({{1}, {1}}), rows({{0}, {0}}), 2, one).values, near({4 * ln4, ln4}));
}

// Heads 0 and 1 share the first group of B and C, heads 2 and 3 the second; the state has two entries.
TEST(StateSpaces, HeadsShareTheirGroup) {
  const StateSpace four{.heads = 4, .width = 1, .groups = 2, .state = 2, .decay_log = {0, 0, 0, 0}, .skip = {0, 0, 0, 1}, .step_bias = {0, 0, 0, 0}};
  const auto ln2 = std::log(2.0F);
  EXPECT_THAT(scan(rows({{1, 2, 3, 4}}), rows({{1, 2, 3, 4}}), rows({{1, 1, 10, 100}}), rows({{0, 0, 0, 0}}), 1, four).values,
              near({3 * ln2, 6 * ln2, 1290 * ln2, 1720 * ln2 + 4}));
}

TEST(StateSpaces, AreGatedBeforeTheirNorm) {
  const auto silu1 = 0.7310586F;
  EXPECT_THAT(gate_and_norm(rows({{3, 4}}), rows({{1, 1}}), {}, 1, 0).values, near({3 * silu1, 4 * silu1}));
  EXPECT_THAT(gate_and_norm(rows({{3, 4, 30, 40}}), rows({{1, 1, 1, 1}}), {1, 2, 3, 4}, 2, 0).values, near({0.848528F, 2.262742F, 2.545584F, 4.525483F}));
}

// beta = 1/2, decay 1/2 (alpha 0, A_log 0). Keys are unit vectors whatever their length.
TEST(GatedDeltas, CorrectWhatTheyRemember) {
  const GatedDelta one{.key_heads = 1, .value_heads = 1, .key_width = 1, .value_width = 1, .decay_log = {0}, .step_bias = {0}};
  const auto k = rows({{7}, {5}}), v = rows({{8}, {3}}), zero = rows({{0}, {0}});
  // S = 4; then S = 2, remembers 2, corrected by (3 - 2) / 2.
  EXPECT_THAT(gated_delta(k, k, v, zero, zero, 2, one).values, near({4, 2.5F}));
  EXPECT_THAT(gated_delta(k, k, v, zero, zero, 1, one).values, near({4, 1.5F}));  // two sequences
}

// Keys along different axes do not disturb each other; products are scaled by the root of the keys' width, 2.
TEST(GatedDeltas, KeepWhatOtherKeysSaid) {
  const GatedDelta one{.key_heads = 1, .value_heads = 1, .key_width = 4, .value_width = 1, .decay_log = {-99}, .step_bias = {0}};  // no decay
  const auto k = rows({{1, 0, 0, 0}, {0, 1, 0, 0}}), q = rows({{0, 1, 0, 0}, {1, 0, 0, 0}});
  EXPECT_THAT(gated_delta(q, k, rows({{8}, {100}}), rows({{0}, {0}}), rows({{0}, {0}}), 2, one).values, near({0, 2}));
}

TEST(GatedDeltas, ValueHeadsShareAKeyHead) {
  const GatedDelta two{.key_heads = 1, .value_heads = 2, .key_width = 1, .value_width = 2, .decay_log = {0, 0}, .step_bias = {0, 0}};
  EXPECT_THAT(gated_delta(rows({{1}}), rows({{1}}), rows({{2, 4, 6, 8}}), rows({{0, 99}}), rows({{0, 0}}), 1, two).values, near({1, 2, 6, 8}));
}

TEST(GatedDeltas, AreNormedBeforeTheirGate) {
  const auto silu1 = 0.7310586F;
  EXPECT_THAT(norm_and_gate(rows({{3, 4, 30, 40}}), rows({{1, 1, 1, 1}}), {1, 2}, {.epsilon = 0, .width = 2}).values,
              near({0.848528F * silu1, 2.262742F * silu1, 0.848528F * silu1, 2.262742F * silu1}));
}

}  // namespace
}  // namespace weighbridge::forward
