#include <cstdint>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/nest.hpp"
#include "engine/tensor_copies.hpp"

namespace weighbridge {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Copy copy_of(DType dtype, std::vector<Loop> loops, std::uint64_t source = 0, std::uint64_t target = 0) {
  return {0, source, target, dtype, ElementOperation::none, 0, std::move(loops)};
}

std::vector<Step> steps(const Nest& nest) { return {nest.steps().begin(), nest.steps().end()}; }

TEST(Nest, MergesWhatIsContiguousOnBothSides) {
  const auto nest =
      nest_of(copy_of(DType::bf16, {{4, 30, 30}, {5, 6, 6}, {1, 77, 77}, {6, 1, 1}}, 100, 20), DType::bf16);
  ASSERT_TRUE(nest);
  EXPECT_THAT(steps(*nest), ElementsAre(Step{120, 2, 2}));
  EXPECT_EQ(nest->source, 100);
  EXPECT_EQ(nest->target, 20);
}

TEST(Nest, KeepsWhatIsNot) {
  const auto nest = nest_of(copy_of(DType::f32, {{4, 1, 3}, {3, 4, 1}}), DType::f32);  // a transposition
  ASSERT_TRUE(nest);
  EXPECT_THAT(steps(*nest), ElementsAre(Step{4, 4, 12}, Step{3, 16, 4}));
}

TEST(Nest, TurnsTargetsForwards) {
  const auto nest = nest_of(copy_of(DType::u8, {{5, 10, -2}}, 0, 8), DType::u8);
  ASSERT_TRUE(nest);
  EXPECT_THAT(steps(*nest), ElementsAre(Step{5, -10, 2}));
  EXPECT_EQ(nest->source, 40);
  EXPECT_EQ(nest->target, 0);
  const auto range = bounds(*nest);
  EXPECT_EQ(range.source_begin, 0);
  EXPECT_EQ(range.source_end, 41);
  EXPECT_EQ(range.target_begin, 0);
  EXPECT_EQ(range.target_end, 9);
}

TEST(Nest, MovesNarrowTypesInWholeBytes) {
  const auto f4 = nest_of(copy_of(DType::f4, {{3, 20, 6}, {6, 1, 1}}), DType::f4);
  ASSERT_TRUE(f4);
  EXPECT_THAT(steps(*f4), ElementsAre(Step{3, 10, 3}, Step{3, 1, 1}));
  const auto f6 = nest_of(copy_of(DType::f6_e2m3, {{2, 16, 8}, {8, 1, 1}}), DType::f6_e2m3);
  ASSERT_TRUE(f6);
  EXPECT_EQ(f6->source_width, 3);
  EXPECT_THAT(steps(*f6), ElementsAre(Step{2, 12, 6}, Step{2, 3, 3}));

  for (const auto& loops : {std::vector<Loop>{{3, 5, 6}, {6, 1, 1}}, {{5, 1, 1}}, {{4, 2, 1}}, {}}) {
    const auto refused = nest_of(copy_of(DType::f4, loops), DType::f4);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().problem, HasSubstr("cuts bytes apart"));
  }
}

TEST(Nest, KnowsNothingToDo) {
  const auto nest = nest_of(copy_of(DType::f32, {{4, 1, 1}, {0, 1, 1}}), DType::f32);
  ASSERT_TRUE(nest);
  EXPECT_TRUE(nest->empty);
  EXPECT_EQ(elements(*nest), 0);
  const auto scalar = nest_of(copy_of(DType::f32, {}), DType::f32);
  ASSERT_TRUE(scalar);
  EXPECT_EQ(elements(*scalar), 1);
}

TEST(Nest, RefusesWhatCannotBe) {
  constexpr auto most = std::numeric_limits<std::int64_t>::max(), least = std::numeric_limits<std::int64_t>::min();
  const std::vector<std::vector<Loop>> impossible{
      {{-1, 1, 1}},
      {{2, 1, 0}},
      {{2, least, 1}},
      {{2, 1, least}},
      {{most, 1, 1}},
      {{std::int64_t{1} << 59, 1 << 20, 1}},
      {{std::int64_t{1} << 40, 0, std::int64_t{1} << 15}, {std::int64_t{1} << 40, 0, 1}},
      std::vector<Loop>(13, Loop{2, 1, 1})};
  for (const auto& loops : impossible) EXPECT_FALSE(nest_of(copy_of(DType::f64, loops), DType::f64)) << loops.size();
  EXPECT_FALSE(nest_of(copy_of(DType::f32, {{2, 1, 1}}), DType::f16));
  EXPECT_FALSE(nest_of(copy_of(DType::f32, {{2, 1, 1}}, std::uint64_t{1} << 63), DType::f32));
}

// Which target bytes a clipped nest covers, with the source byte of each.
std::vector<std::pair<std::int64_t, std::int64_t>> covered(const Nest& nest, std::int64_t begin, std::int64_t end) {
  std::vector<std::pair<std::int64_t, std::int64_t>> found;
  clip(nest, begin, end, [&](const Nest& part) {
    std::vector<std::int64_t> index(part.depth, 0);
    for (;;) {
      auto source = part.source, target = part.target;
      for (std::size_t k = 0; k < part.depth; ++k) {
        source += index[k] * part.levels[k].source;
        target += index[k] * part.levels[k].target;
      }
      found.emplace_back(target, source);
      auto k = part.depth;
      while (k > 0 && ++index[k - 1] == part.levels[k - 1].extent) index[--k] = 0;
      if (k == 0) break;
    }
  });
  std::sort(found.begin(), found.end());
  return found;
}

TEST(Clip, CutsAtEveryPlace) {
  // Levels nest, leave gaps, and (the last) reach over one another: 0, 2, 4, 3, 5, 7.
  const std::vector<std::vector<Loop>> nests{
      {{3, 100, 8}, {4, 1, 2}}, {{2, -9, 24}, {3, 50, 8}, {4, 0, 1}}, {{2, 10, 3}, {3, 1, 2}}};
  for (const auto& loops : nests) {
    const auto nest = nest_of(copy_of(DType::u8, loops, 1000), DType::u8);
    ASSERT_TRUE(nest);
    const auto all = covered(*nest, 0, 1000);
    ASSERT_EQ(static_cast<std::int64_t>(all.size()), elements(*nest));
    for (std::int64_t begin = 0; begin < 50; ++begin)
      for (auto end = begin; end < 50; ++end) {
        std::vector<std::pair<std::int64_t, std::int64_t>> expected;
        for (const auto& byte : all)
          if (byte.first >= begin && byte.first < end) expected.push_back(byte);
        ASSERT_EQ(covered(*nest, begin, end), expected) << begin << " to " << end;
      }
  }
}

TEST(Clip, VisitsAWholeMatrixInFewParts) {
  const auto nest = nest_of(copy_of(DType::f32, {{1000, 1, 500}, {500, 1000, 1}}), DType::f32);
  ASSERT_TRUE(nest);
  int parts = 0;
  clip(*nest, 1000, 1900000, [&](const Nest&) { ++parts; });
  EXPECT_EQ(parts, 2);  // the end of row 0; rows 1 to 949
}

TEST(ScatteredPitch, TellsWhatMustStayTogether) {
  const auto pitch = [](std::vector<Loop> loops) {
    return scattered_pitch(*nest_of(copy_of(DType::bf16, std::move(loops)), DType::bf16));
  };
  EXPECT_EQ(pitch({{100, 1, 1}}), 0);
  EXPECT_EQ(pitch({{10, 100, 20}, {20, 1, 1}}), 0);                          // columns of a matrix
  EXPECT_EQ(pitch({{30, 1, 20}, {20, 30, 1}}), 30 * 20 * 2);                 // a transposition: all of it
  EXPECT_EQ(pitch({{8, 600, 600}, {30, 1, 20}, {20, 30, 1}}), 30 * 20 * 2);  // a stack of them: one
}

}  // namespace
}  // namespace weighbridge
