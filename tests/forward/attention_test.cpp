#include <weighbridge/forward/attention.hpp>
#include <weighbridge/forward/latent_attention.hpp>
#include <weighbridge/forward/megatron_attention.hpp>

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "forward/matrices.hpp"

namespace weighbridge::forward {
namespace {

using test::near;
using test::rows;

const auto kLog3 = std::log(3.0F);
const Attention kOne{.heads = 1, .groups = 1, .width = 1, .values = 1, .scale = 1};

// Of the second token: products 0 and ln 3, so a quarter of the first value and three of the second.
TEST(AttentionOfTokens, WeighsWhatCameBefore) {
  const auto q = rows({{1}, {1}}), k = rows({{0}, {kLog3}}), v = rows({{4}, {8}});
  EXPECT_THAT(attend(q, k, v, 2, kOne).values, near({4, 7}));
  auto scaled = kOne;
  scaled.scale = 2;  // a tenth and nine of them
  EXPECT_THAT(attend(q, k, v, 2, scaled).values, near({4, 7.6F}));
}

TEST(AttentionOfTokens, WindowCountsTheQueryItself) {
  auto window = kOne;
  const auto q = rows({{0}, {0}, {0}}), v = rows({{3}, {6}, {12}});
  window.window = 1;
  EXPECT_THAT(attend(q, q, v, 3, window).values, near({3, 6, 12}));
  window.window = 2;
  EXPECT_THAT(attend(q, q, v, 3, window).values, near({3, 4.5F, 9}));
  window.window = 0;
  EXPECT_THAT(attend(q, q, v, 3, window).values, near({3, 4.5F, 7}));
}

TEST(AttentionOfTokens, SinkTakesItsShareOfTheWeights) {
  auto sinks = kOne;
  sinks.sinks = {std::log(4.0F)};
  EXPECT_THAT(attend(rows({{1}, {1}}), rows({{0}, {kLog3}}), rows({{4}, {8}}), 2, sinks).values, near({0.8F, 3.5F}));
}

// tanh(ln 3) is 0.8.
TEST(AttentionOfTokens, CapBendsProducts) {
  auto capped = kOne;
  capped.cap = 1;
  EXPECT_THAT(attend(rows({{1}, {1}}), rows({{0}, {kLog3}}), rows({{4}, {8}}), 2, capped).values, near({4, 6.759898F}));
}

TEST(AttentionOfTokens, SequencesDoNotSeeEachOther) {
  EXPECT_THAT(attend(rows({{1}, {1}}), rows({{0}, {kLog3}}), rows({{4}, {8}}), 1, kOne).values, near({4, 8}));
}

TEST(AttentionOfTokens, HeadsShareTheirGroup) {
  const Attention grouped{.heads = 4, .groups = 2, .width = 1, .values = 2, .scale = 1};
  EXPECT_THAT(attend(rows({{1, 1, 1, 1}}), rows({{1, 1}}), rows({{1, 2, 3, 4}}), 1, grouped).values, near({1, 2, 1, 2, 3, 4, 3, 4}));
  EXPECT_THROW(attend(rows({{1, 1, 1}}), rows({{1, 1}}), rows({{1, 2}}), 1, {.heads = 3, .groups = 2, .width = 1, .values = 1}), std::invalid_argument);
}

// Half a turn for both leaves their product, here ln 3.
TEST(LatentAttentionOfTokens, AddsTheSharedPartOfKeys) {
  const LatentAttention one{.heads = 1, .plain = 1, .rotary = 2, .values = 1, .scale = 1, .positions = {{std::numbers::pi_v<float>}, 1, Pairs::neighbours}};
  const auto q = rows({{0, 1, 0}, {0, 1, 0}});
  EXPECT_THAT(attend(q, rows({{0, 0}, {kLog3, 0}}), rows({{5, 4}, {5, 8}}), 2, one).values, near({4, 7}));
  // The first key stays where it is, so the second query, turned, sees it from behind: weights 1/4 and 3/4 change places.
  EXPECT_THAT(attend(q, rows({{kLog3, 0}, {0, 0}}), rows({{5, 4}, {5, 8}}), 2, one).values, near({4, 7}));
}

TEST(LatentAttentionOfTokens, PlainPartsAreOfEveryHead) {
  const LatentAttention two{.heads = 2, .plain = 1, .rotary = 2, .values = 1, .scale = 1, .positions = {{0}, 1, Pairs::neighbours}};
  const auto q = rows({{1, 0, 0, 1, 0, 0}, {1, 0, 0, 1, 0, 0}});
  EXPECT_THAT(attend(q, rows({{0, 0}, {0, 0}}), rows({{0, 4, 0, 40}, {kLog3, 8, 0, 80}}), 2, two).values, near({4, 40, 7, 60}));
}

// Two groups, each of a query, a gate, a key and a value.
TEST(MegatronAttentionRows, AreTakenApartByGroup) {
  MegatronAttention gated{.core = {.heads = 2, .groups = 2, .width = 1, .values = 1}, .rotary = {}, .gated = true};
  const auto parts = detail::unfused(rows({{1, 2, 3, 4, 5, 6, 7, 8}}), gated);
  EXPECT_THAT(parts.q.values, near({1, 5}));
  EXPECT_THAT(parts.gate.values, near({2, 6}));
  EXPECT_THAT(parts.k.values, near({3, 7}));
  EXPECT_THAT(parts.v.values, near({4, 8}));
}

// One group of two queries; values are wider than keys.
TEST(MegatronAttentionRows, HoldAllQueriesOfAGroupFirst) {
  MegatronAttention plain{.core = {.heads = 2, .groups = 1, .width = 1, .values = 2}, .rotary = {}, .gated = false};
  const auto parts = detail::unfused(rows({{1, 2, 3, 4, 5}}), plain);
  EXPECT_THAT(parts.q.values, near({1, 2}));
  EXPECT_THAT(parts.k.values, near({3}));
  EXPECT_THAT(parts.v.values, near({4, 5}));
}

}  // namespace
}  // namespace weighbridge::forward
