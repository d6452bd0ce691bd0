#include <weighbridge/forward/indexer.hpp>
#include <weighbridge/forward/latent_attention.hpp>

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>

#include "forward/matrices.hpp"

namespace weighbridge::forward {
namespace {

using test::near;
using test::rows;
using testing::ElementsAre;

// Keys 1, 3, 2 for queries of 1: of the third token the second and the third are the best two.
TEST(IndexerOfTokens, TakesTheBestOfThoseBefore) {
  const Indexer one{.heads = 1, .width = 1, .chosen = 2};
  const auto selection = select(rows({{1}, {1}, {1}}), rows({{1}, {3}, {2}}), rows({{1}, {1}, {1}}), 3, one);
  EXPECT_THAT(selection, ElementsAre(ElementsAre(0), ElementsAre(0, 1), ElementsAre(1, 2)));
}

// A head of negative weight speaks against its token, and a product below nought says nothing.
TEST(IndexerOfTokens, WeighsHeads) {
  const Indexer two{.heads = 2, .width = 1, .chosen = 1};
  const auto q = rows({{1, 2}, {1, 2}}), weights = rows({{1, -1}, {1, -1}});
  EXPECT_THAT(select(q, rows({{3}, {-1}}), weights, 2, two), ElementsAre(ElementsAre(0), ElementsAre(1)));  // 3 - 6 and 0
  auto uncut = two;
  uncut.cut = false;
  EXPECT_THAT(select(q, rows({{-3}, {1}}), weights, 2, uncut), ElementsAre(ElementsAre(0), ElementsAre(0)));  // -3 + 6 and 1 - 2
}

TEST(IndexerOfTokens, SequencesDoNotSeeEachOther) {
  const Indexer one{.heads = 1, .width = 1, .chosen = 1};
  EXPECT_THAT(select(rows({{1}, {1}, {1}, {1}}), rows({{9}, {1}, {2}, {3}}), rows({{1}, {1}, {1}, {1}}), 2, one),
              ElementsAre(ElementsAre(0), ElementsAre(0), ElementsAre(0), ElementsAre(1)));
}

// Half a turn a token: the second key, turned as far as its query, is as near to it as the first is far.
TEST(IndexerOfTokens, TellsPositionsToTheFirstFeatures) {
  const Indexer turned{.heads = 1, .width = 3, .chosen = 1, .positions = {{std::numbers::pi_v<float>}, 1, Pairs::halves}};
  const auto q = rows({{1, 0, 1}, {1, 0, 1}}), k = rows({{5, 0, 2}, {1, 0, 2}}), weights = rows({{1}, {1}});
  EXPECT_THAT(select(q, k, weights, 2, turned), ElementsAre(ElementsAre(0), ElementsAre(1)));  // -5 + 2 and 1 + 2
}

TEST(IndexerOfTokens, OtherShapesAreRefused) {
  const Indexer one{.heads = 1, .width = 2, .chosen = 1};
  EXPECT_THROW(select(rows({{1}}), rows({{1, 1}}), rows({{1}}), 1, one), std::invalid_argument);
}

// Products 0, ln 3 and 0, of which the last token sees the first two.
TEST(SelectedKeys, AreAllThatATokenSees) {
  const auto log3 = std::log(3.0F);
  const Selection seen{{0}, {0, 1}, {0, 1}};
  Attention attention{.heads = 1, .groups = 1, .width = 1, .values = 1, .scale = 1, .seen = &seen};
  const auto q = rows({{1}, {1}, {1}}), k = rows({{0}, {log3}, {0}}), v = rows({{4}, {8}, {100}});
  EXPECT_THAT(attend(q, k, v, 3, attention).values, near({4, 7, 7}));
  const Selection later{{0}, {0, 2}, {2}};  // what comes after a token stays unseen
  attention.seen = &later;
  EXPECT_THAT(attend(q, k, v, 3, attention).values, near({4, 4, 100}));
  const Selection few{{0}};
  attention.seen = &few;
  EXPECT_THROW(attend(q, k, v, 3, attention), std::invalid_argument);
}

}  // namespace
}  // namespace weighbridge::forward
