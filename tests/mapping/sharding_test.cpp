#include "mapping/sharding.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of shares in the notation of this test.
struct Held {
  Shape offsets, sizes;
  std::int64_t begin{};
  friend bool operator==(const Held&, const Held&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Held& held) {
    return out << to_string(held.offsets) << "+" << to_string(held.sizes) << " at " << held.begin;
  }
};

std::vector<Held> held(const Shape& shape, const std::optional<Cut>& cut, std::int64_t rank, std::int64_t ranks) {
  std::vector<Held> all;
  for (const auto& share : shares_of(shape, cut, rank, ranks)) all.push_back({share.box.offsets, share.box.sizes, share.begin});
  return all;
}

class Sharding : public ::testing::Test {
 protected:
  Expression tensor(const char* name, Shape shape) { return *algebra_.tensor(name, std::move(shape)); }
  static Equation equation(Expression expression, Split split) {
    Equation made;
    made.expression = std::move(expression);
    made.split = split;
    return made;
  }
  Algebra algebra_;
};

TEST_F(Sharding, RowsOfAColumnParallelWeightAreDealtInOrder) {
  const auto cut = cut_of(equation(tensor("up", {8, 3}), Split::axis_0));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->axis, 0u);
  EXPECT_THAT(cut->parts, ElementsAre(8));
  EXPECT_THAT(held({8, 3}, cut, 0, 4), ElementsAre(Held{{0, 0}, {2, 3}, 0}));
  EXPECT_THAT(held({8, 3}, cut, 1, 4), ElementsAre(Held{{2, 0}, {2, 3}, 0}));
  EXPECT_THAT(held({8, 3}, cut, 2, 4), ElementsAre(Held{{4, 0}, {2, 3}, 0}));
  EXPECT_THAT(held({8, 3}, cut, 3, 4), ElementsAre(Held{{6, 0}, {2, 3}, 0}));
  EXPECT_EQ(shape_of_share({8, 3}, cut, 4), (Shape{2, 3}));
}

// Gate above up: a rank holds its half of the gate above its half of up, not a half of the whole.
TEST_F(Sharding, EveryRankHoldsItsShareOfGateAndOfUp) {
  const auto gate = tensor("gate", {6, 4}), up = tensor("up", {6, 4});
  const auto cut = cut_of(equation(*algebra_.concat(0, {&gate, &up}), Split::axis_0));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->axis, 0u);
  EXPECT_THAT(cut->parts, ElementsAre(6, 6));
  EXPECT_THAT(held({12, 4}, cut, 0, 2), ElementsAre(Held{{0, 0}, {3, 4}, 0}, Held{{6, 0}, {3, 4}, 3}));
  EXPECT_THAT(held({12, 4}, cut, 1, 2), ElementsAre(Held{{3, 0}, {3, 4}, 0}, Held{{9, 0}, {3, 4}, 3}));
  EXPECT_EQ(shape_of_share({12, 4}, cut, 2), (Shape{6, 4}));
}

TEST_F(Sharding, PartsMayDifferInSize) {
  const auto z = tensor("z", {8, 2}), b = tensor("b", {4, 2}), dt = tensor("dt", {2, 2});
  const auto cut = cut_of(equation(*algebra_.concat(0, {&z, &b, &dt}), Split::axis_0));
  ASSERT_TRUE(cut);
  EXPECT_THAT(cut->parts, ElementsAre(8, 4, 2));
  EXPECT_THAT(held({14, 2}, cut, 1, 2), ElementsAre(Held{{4, 0}, {4, 2}, 0}, Held{{10, 0}, {2, 2}, 4}, Held{{13, 0}, {1, 2}, 6}));
  EXPECT_EQ(shape_of_share({14, 2}, cut, 2), (Shape{7, 2}));
}

TEST_F(Sharding, ARowParallelWeightIsCutAlongItsColumns) {
  const auto cut = cut_of(equation(tensor("down", {4, 6}), Split::axis_1));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->axis, 1u);
  EXPECT_THAT(cut->parts, ElementsAre(6));
  EXPECT_THAT(held({4, 6}, cut, 0, 3), ElementsAre(Held{{0, 0}, {4, 2}, 0}));
  EXPECT_THAT(held({4, 6}, cut, 2, 3), ElementsAre(Held{{0, 4}, {4, 2}, 0}));
  EXPECT_EQ(shape_of_share({4, 6}, cut, 3), (Shape{4, 2}));
}

// Parts along another axis than the cut are no parts of the cut.
TEST_F(Sharding, AConcatenationAlongAnotherAxisIsOnePart) {
  const auto left = tensor("left", {4, 3}), right = tensor("right", {4, 5});
  const auto joined = *algebra_.concat(1, {&left, &right});
  const auto rows = cut_of(equation(joined, Split::axis_0));
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->axis, 0u);
  EXPECT_THAT(rows->parts, ElementsAre(4));
  const auto columns = cut_of(equation(joined, Split::axis_1));
  ASSERT_TRUE(columns);
  EXPECT_EQ(columns->axis, 1u);
  EXPECT_THAT(columns->parts, ElementsAre(3, 5));
}

TEST_F(Sharding, TheThirdAxisCanBeCut) {
  const auto cut = cut_of(equation(tensor("experts", {2, 3, 4}), Split::axis_2));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->axis, 2u);
  EXPECT_THAT(held({2, 3, 4}, cut, 1, 2), ElementsAre(Held{{0, 0, 2}, {2, 3, 2}, 0}));
  EXPECT_EQ(shape_of_share({2, 3, 4}, cut, 2), (Shape{2, 3, 2}));
}

// Four heads in two groups of two rows each: [q0 q1 k0 v0, q2 q3 k1 v1]. Two ranks hold a group each. Of four ranks, which
// are more than groups, each holds a fourth of the rows all the same: Megatron gathers them before it takes its heads.
TEST_F(Sharding, GroupsOfQueriesAreDealtAsRowsEvenIfTheyAreFewerThanRanks) {
  const auto q = tensor("q", {8, 3}), k = tensor("k", {4, 3}), v = tensor("v", {4, 3});
  const auto cut = cut_of(equation(*algebra_.interleave(0, 2, {&q, &k, &v}), Split::axis_0));
  ASSERT_TRUE(cut);
  EXPECT_THAT(cut->parts, ElementsAre(16));
  EXPECT_THAT(held({16, 3}, cut, 1, 2), ElementsAre(Held{{8, 0}, {8, 3}, 0}));
  EXPECT_THAT(held({16, 3}, cut, 1, 4), ElementsAre(Held{{4, 0}, {4, 3}, 0}));
  EXPECT_THAT(held({16, 3}, cut, 2, 4), ElementsAre(Held{{8, 0}, {4, 3}, 0}));
  EXPECT_EQ(shape_of_share({16, 3}, cut, 4), (Shape{4, 3}));
}

TEST_F(Sharding, AVocabularyIsCutWithItsPadding) {
  auto vocabulary = equation(tensor("embedding", {10, 2}), Split::axis_0);
  vocabulary.vocabulary = true;
  const auto padded = cut_of(vocabulary, 12);
  ASSERT_TRUE(padded);
  EXPECT_THAT(padded->parts, ElementsAre(12));
  EXPECT_THAT(held({12, 2}, padded, 3, 4), ElementsAre(Held{{9, 0}, {3, 2}, 0}));  // one true row, two of padding
  EXPECT_EQ(shape_of_share({12, 2}, padded, 4), (Shape{3, 2}));
  const auto as_it_is = cut_of(vocabulary);
  ASSERT_TRUE(as_it_is);
  EXPECT_THAT(as_it_is->parts, ElementsAre(10));
}

TEST_F(Sharding, RowsOfTheVocabularySayNothingOfOtherWeights) {
  const auto cut = cut_of(equation(tensor("up", {8, 3}), Split::axis_0), 12);
  ASSERT_TRUE(cut);
  EXPECT_THAT(cut->parts, ElementsAre(8));
}

TEST_F(Sharding, WhatIsNotCutLiesWholeOnEveryRank) {
  EXPECT_FALSE(cut_of(equation(tensor("norm", {5}), Split::none)));
  EXPECT_FALSE(cut_of(equation(tensor("bias", {4}), Split::axis_1)));  // a bias has no second axis
  EXPECT_THAT(held({5}, {}, 0, 2), ElementsAre(Held{{0}, {5}, 0}));
  EXPECT_THAT(held({5}, {}, 1, 2), ElementsAre(Held{{0}, {5}, 0}));
  EXPECT_EQ(shape_of_share({5}, {}, 2), (Shape{5}));
  EXPECT_THAT(held({}, {}, 1, 2), ElementsAre(Held{{}, {}, 0}));  // a scalar
  EXPECT_THAT(shape_of_share({}, {}, 2), IsEmpty());
}

TEST_F(Sharding, OneRankHoldsEverything) {
  EXPECT_THAT(held({8, 3}, Cut{0, {8}}, 0, 1), ElementsAre(Held{{0, 0}, {8, 3}, 0}));
  EXPECT_THAT(held({8, 3}, Cut{0, {4, 4}}, 0, 1), ElementsAre(Held{{0, 0}, {4, 3}, 0}, Held{{4, 0}, {4, 3}, 4}));
  EXPECT_EQ(shape_of_share({8, 3}, Cut{0, {4, 4}}, 1), (Shape{8, 3}));
}

TEST_F(Sharding, EveryPartMustDivide) {
  EXPECT_TRUE(divides({0, {8}}, 4));
  EXPECT_FALSE(divides({0, {8}}, 3));
  EXPECT_TRUE(divides({0, {6, 6}}, 2));
  EXPECT_FALSE(divides({0, {6, 6}}, 4));  // though twelve rows would
  EXPECT_TRUE(divides({0, {8, 4, 2}}, 2));
  EXPECT_FALSE(divides({0, {8, 4, 2}}, 4));
  EXPECT_FALSE(divides({0, {1}}, 2));
  EXPECT_TRUE(divides({1, {1}}, 1));
}

}  // namespace
}  // namespace weighbridge
