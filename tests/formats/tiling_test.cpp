#include "formats/tiling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weighbridge {
namespace {

using ::testing::HasSubstr;

std::string fault(const Shape& shape, const std::vector<Box>& boxes) {
  return tiling_fault(shape, boxes).value_or("none");
}

TEST(Tiling, AcceptsExactTilings) {
  EXPECT_EQ(fault({4, 6}, {{{0, 0}, {4, 6}}}), "none");
  EXPECT_EQ(fault({}, {{{}, {}}}), "none");
  EXPECT_EQ(fault({0, 3}, {}), "none");
  EXPECT_EQ(fault({5}, {{{0}, {3}}, {{3}, {0}}, {{3}, {2}}}), "none");
  // A pinwheel: no straight cut divides it.
  EXPECT_EQ(fault({3, 3}, {{{0, 0}, {1, 2}}, {{0, 2}, {2, 1}}, {{2, 1}, {1, 2}}, {{1, 0}, {2, 1}}, {{1, 1}, {1, 1}}}),
            "none");
}

TEST(Tiling, NamesOverlaps) {
  EXPECT_THAT(fault({4, 6}, {{{0, 0}, {3, 6}}, {{2, 0}, {2, 6}}}), HasSubstr("overlap"));
  EXPECT_THAT(fault({4}, {{{0}, {4}}, {{0}, {4}}}), HasSubstr("offset [0] size [4]"));
  EXPECT_THAT(fault({}, {{{}, {}}, {{}, {}}}), HasSubstr("overlap"));
  EXPECT_THAT(fault({3, 3}, {{{0, 0}, {1, 2}}, {{0, 2}, {2, 1}}, {{2, 1}, {1, 2}}, {{1, 0}, {2, 1}}, {{1, 1}, {2, 1}}}),
              HasSubstr("overlap"));
}

TEST(Tiling, NamesHoles) {
  EXPECT_THAT(fault({4, 6}, {{{0, 0}, {3, 6}}}), HasSubstr("cover 18 of 24 elements"));
  EXPECT_THAT(fault({4}, {}), HasSubstr("cover 0 of 4 elements"));
}

TEST(Tiling, NamesPartsOutside) {
  for (const Box& box : {Box{{3}, {2}}, Box{{-1}, {2}}, Box{{0}, {5}}, Box{{0}, {-1}}, Box{{0, 0}, {1, 1}},
                         Box{{5}, {0}}, Box{{INT64_MAX}, {INT64_MAX}}})
    EXPECT_THAT(fault({4}, {box}), HasSubstr("does not lie in the shape [4]"));
  EXPECT_THAT(fault({INT64_MAX, 2}, {}), HasSubstr("no number of elements"));
}

TEST(Tiling, IsFastOnGrids) {
  std::vector<Box> grid;
  for (std::int64_t layer = 0; layer < 64; ++layer)
    for (std::int64_t expert = 0; expert < 256; ++expert)
      for (std::int64_t part = 0; part < 16; ++part) grid.push_back({{layer, expert, part * 8, 0}, {1, 1, 8, 32}});
  EXPECT_EQ(fault({64, 256, 128, 32}, grid), "none");
  grid.back().offsets[2] -= 1;
  EXPECT_THAT(fault({64, 256, 128, 32}, grid), HasSubstr("overlap"));
}

TEST(Tiling, GivesUpOnHostileArrangements) {
  // Each box overlaps the next in both axes, so nothing can be cut, but no overlap is found early.
  std::vector<Box> stairs;
  for (std::int64_t i = 0; i < 30'000; ++i) stairs.push_back({{i, 0}, {2, 1}});
  EXPECT_NE(fault({30'001, 1}, stairs), "none");
}

}  // namespace
}  // namespace weighbridge
