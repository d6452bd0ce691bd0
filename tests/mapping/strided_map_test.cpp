#include "mapping/strided_map.hpp"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elements.hpp"

namespace weighbridge {
namespace {

using testing::Dice;
using testing::elements_of;
using testing::sources_of;
using ::testing::ElementsAre;
using ::testing::Pair;

// Loops of any strides for which no index occurs twice on either side.
StridedMap random_map(Dice& dice) {
  for (;;) {
    StridedMap map{dice.between(0, 5), dice.between(0, 9), {}};
    const auto rank = dice.between(0, 4);
    for (std::int64_t k = 0; k < rank; ++k)
      map.loops.push_back({dice.between(1, 5), dice.between(1, 30), dice.between(1, 30)});
    std::set<std::int64_t> targets, sources;
    for (const auto& [target, source] : elements_of(map)) {
      targets.insert(target);
      sources.insert(source);
    }
    const auto count = static_cast<std::size_t>(map.count());
    if (targets.size() == count && sources.size() == count) return map;
  }
}

// A shape that `map` fits in, with axes of one element among others.
Shape shape_around(const StridedMap& map, Dice& dice) {
  std::int64_t end = 0;
  for (const auto& [target, source] : elements_of(map)) end = std::max(end, target + 1);
  Shape shape(static_cast<std::size_t>(dice.between(1, 4)));
  for (auto& extent : shape) extent = dice.between(1, 7);
  shape.front() = 1;
  const auto rest = element_count(shape).value();
  shape.front() = (end + rest - 1) / rest + dice.between(0, 1);
  return shape;
}

std::map<std::int64_t, std::int64_t> placed_plainly(const StridedMap& map, const Shape& shape, const Box& box,
                                                    const Shape& strides, std::int64_t base) {
  std::map<std::int64_t, std::int64_t> placed;
  for (const auto& [target, source] : elements_of(map)) {
    const auto at = testing::coordinates_of(target, shape);
    bool inside = true;
    auto index = base;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      const auto within = at[axis] - box.offsets[axis];
      inside = inside && within >= 0 && within < box.sizes[axis];
      index += within * strides[axis];
    }
    if (inside) placed.emplace(index, source);
  }
  return placed;
}

TEST(StridedMap, CountsAndInverts) {
  const StridedMap map{7, 100, {{3, 1, 20}, {2, 5, 4}}};
  EXPECT_EQ(map.count(), 6);
  EXPECT_THAT(elements_of(map),
              ElementsAre(Pair(100, 7), Pair(104, 12), Pair(120, 8), Pair(124, 13), Pair(140, 9), Pair(144, 14)));
  const auto inverse = map.inverse();
  EXPECT_EQ(inverse.source_base, 100);
  EXPECT_EQ(inverse.target_base, 7);
  EXPECT_THAT(inverse.loops, ElementsAre(Loop{3, 20, 1}, Loop{2, 4, 5}));
  EXPECT_THAT(identity_map(5).loops, ElementsAre(Loop{5, 1, 1}));
  EXPECT_EQ(identity_map(1).count(), 1);
  EXPECT_EQ(identity_map(0).count(), 0);
}

TEST(StridedMap, SimplifiesWhatRunsOn) {
  StridedMap map{3, 4, {{1, 99, 99}, {4, 1, 1}, {2, 12, 12}, {3, 4, 4}}};
  simplify(map);
  EXPECT_EQ(map.source_base, 3);
  EXPECT_EQ(map.target_base, 4);
  EXPECT_THAT(map.loops, ElementsAre(Loop{24, 1, 1}));

  StridedMap transposed{0, 0, {{4, 3, 1}, {3, 1, 4}}};
  simplify(transposed);
  EXPECT_THAT(transposed.loops, ElementsAre(Loop{3, 1, 4}, Loop{4, 3, 1}));
}

TEST(StridedMap, SimplifyKeepsElements) {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    Dice dice{seed};
    const auto map = random_map(dice);
    auto simple = map;
    simplify(simple);
    ASSERT_EQ(sources_of({simple}), sources_of({map})) << "seed " << seed;
    ASSERT_LE(simple.loops.size(), map.loops.size());
    for (std::size_t k = 1; k < simple.loops.size(); ++k)
      ASSERT_GE(simple.loops[k - 1].target_stride, simple.loops[k].target_stride);
  }
}

TEST(PlaceTarget, SlicesColumns) {
  const auto placed = place_target(identity_map(12), {3, 4}, {{0, 1}, {3, 2}}, {2, 1}, 50);
  ASSERT_TRUE(placed);
  EXPECT_THAT(sources_of(*placed),
              ElementsAre(Pair(50, 1), Pair(51, 2), Pair(52, 5), Pair(53, 6), Pair(54, 9), Pair(55, 10)));
  EXPECT_EQ(placed->size(), 1u);
}

TEST(PlaceTarget, Transposes) {
  const auto placed = place_target(identity_map(6), {2, 3}, whole({2, 3}), {1, 2}, 0);
  ASSERT_TRUE(placed);
  ASSERT_EQ(placed->size(), 1u);
  EXPECT_THAT(sources_of(*placed),
              ElementsAre(Pair(0, 0), Pair(1, 3), Pair(2, 1), Pair(3, 4), Pair(4, 2), Pair(5, 5)));
}

TEST(PlaceTarget, TakesBlocksThatDoNotMeetRows) {
  // Rows of 3 seen as rows of 4, of which the last two columns are wanted.
  const StridedMap rows{0, 0, {{4, 3, 3}, {3, 1, 1}}};
  const auto placed = place_target(rows, {3, 4}, {{0, 2}, {3, 2}}, {2, 1}, 0);
  ASSERT_TRUE(placed);
  EXPECT_THAT(sources_of(*placed),
              ElementsAre(Pair(0, 2), Pair(1, 3), Pair(2, 6), Pair(3, 7), Pair(4, 10), Pair(5, 11)));

  // A transposition of [3, 8] seen as rows of 4: three-element columns straddle them.
  const StridedMap columns{0, 0, {{8, 1, 3}, {3, 8, 1}}};
  const auto across = place_target(columns, {6, 4}, {{0, 3}, {6, 1}}, {1, 1}, 0);
  ASSERT_TRUE(across);
  EXPECT_THAT(sources_of(*across),
              ElementsAre(Pair(0, 1), Pair(1, 10), Pair(2, 19), Pair(3, 5), Pair(4, 14), Pair(5, 23)));
}

TEST(PlaceTarget, GivesNothingOutsideTheBox) {
  const StridedMap top{0, 0, {{4, 1, 1}}};
  const auto placed = place_target(top, {3, 4}, {{1, 0}, {2, 4}}, {4, 1}, 0);
  ASSERT_TRUE(placed);
  EXPECT_TRUE(placed->empty());
  const auto none = place_target(identity_map(0), {0, 4}, {{0, 0}, {0, 2}}, {2, 1}, 0);
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

TEST(PlaceTarget, RefusesWhatIsNoLayout) {
  // Columns of 100,003 against rows of 1,000,003: almost every step of the one meets another place of the other.
  const std::int64_t a = 100'003, b = 1'000'003;
  const StridedMap map{0, 0, {{b, 1, a}, {a, b, 1}}};
  EXPECT_FALSE(place_target(map, {a, b}, {{0, 0}, {a, b / 2}}, {b / 2, 1}, 0));
}

TEST(PlaceTarget, AgreesWithMovingEachElement) {
  int several = 0, clipped = 0;
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    Dice dice{seed};
    const auto map = random_map(dice);
    const auto shape = shape_around(map, dice);
    auto box = whole(shape);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (dice.chance(40)) continue;
      box.offsets[axis] = dice.between(0, shape[axis] - 1);
      box.sizes[axis] = dice.between(1, shape[axis] - box.offsets[axis]);
    }
    // Strides of a row-major tensor with its axes in another order and room to spare.
    Shape strides(shape.size(), 0);
    std::int64_t next = 1;
    for (std::size_t placed = 0; placed < shape.size();) {
      const auto axis = dice.below(shape.size());
      if (strides[axis] != 0) continue;
      strides[axis] = next;
      next = next * box.sizes[axis] + (dice.chance(30) ? dice.between(0, 3) : 0);
      ++placed;
    }
    if (dice.chance(20)) strides = row_major_strides(box.sizes);
    const auto base = dice.between(0, 100);
    const auto placed = place_target(map, shape, box, strides, base);
    ASSERT_TRUE(placed) << "seed " << seed;
    const auto expected = placed_plainly(map, shape, box, strides, base);
    ASSERT_EQ(sources_of(*placed), expected) << "seed " << seed << " shape " << to_string(shape);
    std::int64_t count = 0;
    for (const auto& part : *placed) count += part.count();
    ASSERT_EQ(count, static_cast<std::int64_t>(expected.size())) << "seed " << seed;
    several += placed->size() > 1;
    clipped += count > 0 && count < map.count();
  }
  EXPECT_GT(several, 500);
  EXPECT_GT(clipped, 500);
}

}  // namespace
}  // namespace weighbridge
