#include "mapping/coverage.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "elements.hpp"

namespace weighbridge {
namespace {

using testing::Dice;
using Kind = CoverageFault::Kind;

StridedMap target(std::int64_t base, std::vector<Loop> loops) { return {0, base, std::move(loops)}; }
StridedMap run(std::int64_t begin, std::int64_t end) { return target(begin, {{end - begin, 1, 1}}); }

void expect_fault(const std::optional<CoverageFault>& fault, Kind kind, std::int64_t element) {
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, kind);
  EXPECT_EQ(fault->element, element);
}

TEST(Coverage, OfIntervals) {
  EXPECT_FALSE(exact_cover(10, {run(4, 10), run(0, 4)}));
  EXPECT_FALSE(exact_cover(0, {}));
  EXPECT_FALSE(exact_cover(1, {target(0, {})}));
  expect_fault(exact_cover(10, {}), Kind::missing, 0);
  expect_fault(exact_cover(10, {run(1, 10)}), Kind::missing, 0);
  expect_fault(exact_cover(10, {run(0, 4), run(6, 10)}), Kind::missing, 4);
  expect_fault(exact_cover(10, {run(0, 9)}), Kind::missing, 9);
  expect_fault(exact_cover(10, {run(0, 6), run(5, 10)}), Kind::twice, 5);
  expect_fault(exact_cover(10, {run(0, 10), run(0, 10)}), Kind::twice, 0);
  expect_fault(exact_cover(10, {run(0, 10), target(7, {})}), Kind::twice, 7);
}

TEST(Coverage, OfWhatLiesOutside) {
  expect_fault(exact_cover(10, {run(0, 11)}), Kind::outside, 10);
  expect_fault(exact_cover(10, {run(0, 10), target(500, {})}), Kind::outside, 10);
  expect_fault(exact_cover(10, {run(-2, 10)}), Kind::outside, -2);
  expect_fault(exact_cover(0, {target(0, {})}), Kind::outside, 0);
  expect_fault(at_most_once(10, {target(3, {{3, 1, 4}})}), Kind::outside, 10);
}

TEST(Coverage, OfInterleavedStrides) {
  const auto even = target(0, {{6, 1, 2}}), odd = target(1, {{6, 1, 2}});
  EXPECT_FALSE(exact_cover(12, {even, odd}));
  expect_fault(exact_cover(12, {even}), Kind::missing, 1);
  expect_fault(exact_cover(12, {even, target(1, {{5, 1, 2}})}), Kind::missing, 11);
  expect_fault(exact_cover(12, {even, odd, target(6, {})}), Kind::twice, 6);
  expect_fault(exact_cover(12, {even, target(0, {{4, 1, 3}})}), Kind::twice, 0);
  // Columns [0, 3) and [3, 5) of six rows of five, then with a column too many and one too few.
  EXPECT_FALSE(exact_cover(30, {target(0, {{6, 1, 5}, {3, 1, 1}}), target(3, {{6, 1, 5}, {2, 1, 1}})}));
  const auto left = target(0, {{6, 1, 5}, {3, 1, 1}}), right = target(3, {{6, 1, 5}, {2, 1, 1}});
  expect_fault(exact_cover(30, {target(0, {{6, 1, 5}, {4, 1, 1}}), right}), Kind::twice, 3);
  expect_fault(exact_cover(30, {left, target(4, {{6, 1, 5}, {1, 1, 1}})}), Kind::missing, 3);
}

TEST(Coverage, OfTransposedSets) {
  EXPECT_FALSE(exact_cover(24, {target(0, {{6, 1, 1}, {4, 1, 6}})}));
  const auto left = target(0, {{3, 1, 1}, {4, 1, 6}});
  EXPECT_FALSE(exact_cover(24, {left, target(3, {{3, 1, 1}, {4, 1, 6}})}));
  expect_fault(exact_cover(24, {left, target(3, {{2, 1, 1}, {4, 1, 6}})}), Kind::missing, 5);
}

TEST(Coverage, OfOneMapThatRepeatsItself) {
  expect_fault(exact_cover(6, {target(0, {{3, 1, 2}, {3, 1, 1}})}), Kind::outside, 6);
  expect_fault(exact_cover(7, {target(0, {{3, 1, 2}, {3, 1, 1}})}), Kind::twice, 2);
  expect_fault(exact_cover(4, {target(0, {{4, 1, 1}, {2, 1, 0}})}), Kind::twice, 0);
  expect_fault(exact_cover(4, {target(0, {{4, 1, 0}})}), Kind::twice, 0);
  EXPECT_FALSE(exact_cover(6, {target(0, {{2, 1, 3}, {3, 1, 1}})}));
}

TEST(Coverage, OfMapsThatRunBackwards) {
  EXPECT_FALSE(exact_cover(6, {target(5, {{6, 1, -1}})}));
  EXPECT_FALSE(exact_cover(6, {target(4, {{3, 1, -2}}), target(1, {{3, 1, 2}})}));
  expect_fault(exact_cover(6, {target(4, {{6, 1, -1}})}), Kind::outside, -1);
  expect_fault(exact_cover(6, {run(0, 6), target(3, {{2, 1, -1}})}), Kind::twice, 2);
}

TEST(Coverage, WithPadding) {
  EXPECT_FALSE(at_most_once(10, {}));
  EXPECT_FALSE(at_most_once(10, {run(2, 4), run(6, 8)}));
  EXPECT_FALSE(at_most_once(12, {target(0, {{6, 1, 2}}), target(1, {{2, 1, 2}})}));
  expect_fault(at_most_once(10, {run(2, 7), run(6, 8)}), Kind::twice, 6);
  expect_fault(at_most_once(12, {target(0, {{6, 1, 2}}), target(1, {{3, 1, 3}})}), Kind::twice, 4);
}

TEST(Coverage, NamesCoordinates) {
  EXPECT_EQ(coordinates(0, {3, 4}), "[0, 0]");
  EXPECT_EQ(coordinates(7, {3, 4}), "[1, 3]");
  EXPECT_EQ(coordinates(2'123'366'399, {128, 5760, 2880}), "[127, 5759, 2879]");
  EXPECT_EQ(coordinates(5, {9}), "[5]");
}

// Cuts of a whole into maps that cover it: by position, by remainder, with loops in any order.
std::vector<StridedMap> random_partition(std::int64_t& count, Dice& dice) {
  StridedMap all;
  count = 1;
  const auto rank = dice.between(1, 4);
  for (std::int64_t k = 0; k < rank; ++k) {
    all.loops.push_back({dice.between(1, 5), 1, count});
    count *= all.loops.back().extent;
  }
  std::vector<StridedMap> maps{all};
  const auto cuts = dice.between(0, 8);
  for (std::int64_t cut = 0; cut < cuts; ++cut) {
    const auto chosen = dice.below(maps.size());
    const auto loop = dice.below(maps[chosen].loops.size());
    const auto [extent, unused, stride] = maps[chosen].loops[loop];
    if (extent < 2) continue;
    auto rest = maps[chosen];
    if (dice.chance(50)) {
      const auto at = dice.between(1, extent - 1);
      maps[chosen].loops[loop].extent = at;
      rest.loops[loop].extent = extent - at;
      rest.target_base += at * stride;
    } else {
      maps[chosen].loops[loop] = {(extent + 1) / 2, 1, stride * 2};
      rest.loops[loop] = {extent / 2, 1, stride * 2};
      rest.target_base += stride;
    }
    std::swap(rest.loops.front(), rest.loops.back());
    maps.push_back(rest);
  }
  for (auto i = maps.size(); i > 1; --i) std::swap(maps[i - 1], maps[dice.below(i)]);
  return maps;
}

// What counting every element says: the fault found must be true, and the first of its kind.
void compare(std::int64_t count, const std::vector<StridedMap>& maps, bool holes, std::vector<int>& found) {
  const auto fault = holes ? exact_cover(count, maps) : at_most_once(count, maps);
  std::vector<int> times(static_cast<std::size_t>(count), 0);
  std::int64_t lowest = 0, highest = -1;
  for (const auto& map : maps)
    for (const auto& [element, source] : testing::elements_of(map)) {
      lowest = std::min(lowest, element);
      highest = std::max(highest, element);
      if (element >= 0 && element < count) ++times[static_cast<std::size_t>(element)];
    }
  const auto first = [&](auto&& wanted) { return std::ranges::find_if(times, wanted) - times.begin(); };
  const auto missing = first([](int n) { return n == 0; }), twice = first([](int n) { return n > 1; });
  const bool outside = lowest < 0 || highest >= count;
  if (!fault) {
    EXPECT_FALSE(outside);
    EXPECT_EQ(twice, count);
    EXPECT_TRUE(!holes || missing == count);
    ++found[0];
    return;
  }
  ++found[static_cast<std::size_t>(fault->kind)];
  switch (fault->kind) {
    case Kind::missing:
      EXPECT_TRUE(holes);
      EXPECT_EQ(fault->element, missing);
      EXPECT_LT(missing, count);
      break;
    case Kind::twice:
      EXPECT_EQ(fault->element, twice);
      EXPECT_LT(twice, count);
      break;
    case Kind::outside:
      EXPECT_TRUE(outside);
      EXPECT_EQ(fault->element, lowest < 0 ? lowest : count);
      break;
    case Kind::unproven: FAIL() << "nothing is too large to be counted here";
  }
}

TEST(Coverage, AgreesWithCountingEachElement) {
  std::vector<int> found(4, 0);
  for (std::uint32_t seed = 0; seed < 4000; ++seed) {
    Dice dice{seed};
    std::int64_t count = 0;
    auto maps = random_partition(count, dice);
    auto& any = maps[dice.below(maps.size())];
    switch (dice.between(0, 6)) {
      case 0: maps.erase(maps.begin() + static_cast<std::ptrdiff_t>(dice.below(maps.size()))); break;
      case 1: maps.push_back(StridedMap{any}); break;
      case 2: any.target_base += dice.between(-2, 2); break;
      case 3: any.loops[dice.below(any.loops.size())].extent += 1; break;
      case 4: any.loops[dice.below(any.loops.size())].target_stride += dice.between(-1, 2); break;
      default: break;
    }
    compare(count, maps, seed % 3 != 0, found);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  for (const auto times : found) EXPECT_GT(times, 100);
}

// Two thousand million elements: a count of each would be felt.
TEST(Coverage, OfAllExpertsOfALargeModel) {
  const std::int64_t experts = 128, rows = 5760, columns = 2880, expert = rows * columns, count = experts * expert;
  std::vector<StridedMap> slices, halves, alternating, columnwise;
  for (std::int64_t e = 0; e < experts; ++e) {
    slices.push_back(target(e * expert, {{columns, 1, 1}, {rows, 1, columns}}));
    for (std::int64_t half = 0; half < 2; ++half) {
      halves.push_back(target(e * expert + half * expert / 2, {{columns, 1, 1}, {rows / 2, 1, columns}}));
      alternating.push_back(target(e * expert + half * columns, {{columns, 1, 1}, {rows / 2, 1, 2 * columns}}));
      columnwise.push_back(target(e * expert + half, {{columns / 2, 1, 2}, {rows, 1, columns}}));
    }
  }
  for (auto* maps : {&slices, &halves, &alternating, &columnwise}) {
    std::int64_t covered = 0;
    for (const auto& map : *maps) covered += map.count();
    EXPECT_EQ(covered, 2'123'366'400);
    EXPECT_FALSE(exact_cover(count, *maps));
    expect_fault(exact_cover(count + 1, *maps), Kind::missing, count);
    const auto last = maps->back();
    maps->pop_back();
    expect_fault(exact_cover(count, *maps), Kind::missing, last.target_base);
  }
}

// What nobody lays out so is not worth the memory that a proof of it takes.
TEST(Coverage, GivesUpWhereMarksWouldFillTheMemory) {
  constexpr std::int64_t kCount = std::int64_t{1} << 40;
  const std::vector<StridedMap> maps{target(0, {{kCount / 4, 1, 2}}), target(1, {{kCount / 4, 1, 3}})};
  expect_fault(exact_cover(kCount, maps), Kind::unproven, 0);
}

}  // namespace
}  // namespace weighbridge
