#include "mapping/copies.hpp"

#include <map>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "elements.hpp"

namespace weighbridge {
namespace {

using testing::Dice;
using testing::sources_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Place = std::pair<std::uint32_t, std::uint64_t>;  // file and byte

StoredTensor stored(DType dtype, Shape shape, std::vector<Extent> extents) {
  return {"tensor", dtype, std::move(shape), std::move(extents)};
}

// Where each element of a stored tensor lies, by its row-major index.
std::map<std::int64_t, Place> places_of(const StoredTensor& tensor) {
  std::map<std::int64_t, Place> places;
  for (const auto& extent : tensor.extents) {
    const auto count = element_count(extent.box.sizes).value();
    for (std::int64_t i = 0; i < count; ++i) {
      auto at = testing::coordinates_of(i, extent.box.sizes);
      std::int64_t element = 0;
      for (std::size_t axis = 0; axis < at.size(); ++axis) {
        element += at[axis] * extent.strides[axis];
        at[axis] += extent.box.offsets[axis];
      }
      const auto byte = extent.offset + static_cast<std::uint64_t>(element * bits(tensor.dtype) / 8);
      EXPECT_TRUE(places.emplace(testing::index_of(at, tensor.shape), Place{extent.file, byte}).second);
    }
  }
  return places;
}

// Source places by target byte, as the copies say.
std::map<std::uint64_t, Place> moved(const std::vector<Copy>& copies, DType dtype) {
  std::map<std::uint64_t, Place> places;
  for (const auto& copy : copies)
    for (const auto& [target, source] : testing::elements_of({0, 0, copy.loops})) {
      const auto from = copy.source_offset + static_cast<std::uint64_t>(source * bits(copy.source_dtype) / 8);
      const auto to = copy.target_offset + static_cast<std::uint64_t>(target * bits(dtype) / 8);
      EXPECT_TRUE(places.emplace(to, Place{copy.source_file, from}).second) << "target byte " << to << " twice";
    }
  return places;
}

// That the copies of `map` from `source` move every element from where it lies to where it belongs.
std::vector<Copy> expect_moves(const StridedMap& map, const StoredTensor& source, DType dtype) {
  std::vector<Copy> copies;
  const auto status = append_copies(map, source, dtype, 0, copies);
  EXPECT_TRUE(status) << status.error().text();
  order_copies(copies);
  for (std::size_t i = 1; i < copies.size(); ++i) EXPECT_LE(copies[i - 1].target_offset, copies[i].target_offset);
  for (const auto& copy : copies)
    for (std::size_t k = 1; k < copy.loops.size(); ++k)
      EXPECT_GE(copy.loops[k - 1].target_stride, copy.loops[k].target_stride);
  const auto places = places_of(source);
  std::map<std::uint64_t, Place> expected;
  for (const auto& [target, element] : sources_of({map}))
    expected.emplace(static_cast<std::uint64_t>(target * bits(dtype) / 8), places.at(element));
  EXPECT_EQ(moved(copies, dtype), expected);
  return copies;
}

TEST(Copies, OfOneExtent) {
  const auto source = stored(DType::bf16, {2, 3}, {{4, 1000, whole({2, 3}), {3, 1}}});
  const auto copies = expect_moves({3, 8, {{3, 1, 1}}}, source, DType::bf16);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].source_file, 4u);
  EXPECT_EQ(copies[0].source_offset, 1006u);
  EXPECT_EQ(copies[0].target_offset, 16u);
  EXPECT_EQ(copies[0].source_dtype, DType::bf16);
  EXPECT_EQ(copies[0].operation, ElementOperation::none);
  EXPECT_THAT(copies[0].loops, ElementsAre(Loop{3, 1, 1}));
}

TEST(Copies, OfRowChunks) {
  const auto source = stored(DType::f32, {5, 3}, {{0, 64, {{0, 0}, {2, 3}}, {3, 1}},
                                                  {1, 128, {{2, 0}, {3, 3}}, {3, 1}}});
  const auto all = expect_moves(identity_map(15), source, DType::f32);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[1].source_file, 1u);
  EXPECT_EQ(all[1].source_offset, 128u);
  EXPECT_EQ(all[1].target_offset, 24u);
  EXPECT_THAT(all[1].loops, ElementsAre(Loop{9, 1, 1}));
  // Rows 1 to 3 only, then transposed.
  expect_moves({3, 0, {{9, 1, 1}}}, source, DType::f32);
  expect_moves({0, 0, {{3, 1, 5}, {5, 3, 1}}}, source, DType::f32);
  // The last row alone leaves the first chunk alone.
  const auto last = expect_moves({12, 0, {{3, 1, 1}}}, source, DType::f32);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].source_offset, 128u + 24u);
}

TEST(Copies, OfAGridOfChunks) {
  const auto source = stored(DType::f64, {4, 5}, {{0, 0, {{0, 0}, {3, 2}}, {2, 1}},
                                                  {0, 48, {{0, 2}, {3, 3}}, {3, 1}},
                                                  {1, 0, {{3, 0}, {1, 2}}, {2, 1}},
                                                  {1, 16, {{3, 2}, {1, 3}}, {3, 1}}});
  const auto copies = expect_moves(identity_map(20), source, DType::f64);
  ASSERT_EQ(copies.size(), 4u);
  EXPECT_THAT(copies[0].loops, ElementsAre(Loop{3, 2, 5}, Loop{2, 1, 1}));
  EXPECT_EQ(copies[1].target_offset, 16u);
  EXPECT_THAT(copies[1].loops, ElementsAre(Loop{3, 3, 5}, Loop{3, 1, 1}));
  EXPECT_EQ(copies[3].source_offset, 16u);
  EXPECT_EQ(copies[3].target_offset, 136u);
  expect_moves({0, 3, {{4, 5, 1}, {5, 1, 4}}}, source, DType::f64);  // transposed
  expect_moves({0, 0, {{7, 1, 1}}}, source, DType::f64);             // a row and a half
}

TEST(Copies, OfStridedStorage) {
  const auto transposed = stored(DType::u8, {3, 4}, {{2, 10, whole({3, 4}), {1, 3}}});
  const auto copies = expect_moves(identity_map(12), transposed, DType::u8);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_THAT(copies[0].loops, ElementsAre(Loop{3, 1, 4}, Loop{4, 3, 1}));
  const auto every_second = stored(DType::i64, {3, 2}, {{0, 8, whole({3, 2}), {10, 2}}});
  expect_moves(identity_map(6), every_second, DType::i64);
  const auto expanded = stored(DType::f32, {3, 2}, {{0, 4, whole({3, 2}), {0, 1}}});  // one row, three times
  expect_moves(identity_map(6), expanded, DType::f32);
}

TEST(Copies, OfAScalar) {
  const auto source = stored(DType::f32, {}, {{0, 12, {{}, {}}, {}}});
  const auto copies = expect_moves(identity_map(1), source, DType::f32);
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].source_offset, 12u);
  EXPECT_TRUE(copies[0].loops.empty());
}

// Cuts of [0, extent) at random places.
std::vector<std::pair<std::int64_t, std::int64_t>> random_cuts(std::int64_t extent, Dice& dice) {
  std::vector<std::pair<std::int64_t, std::int64_t>> parts;
  for (std::int64_t begin = 0; begin < extent;) {
    const auto size = dice.between(1, extent - begin);
    parts.emplace_back(begin, size);
    begin += size;
  }
  return parts;
}

StoredTensor random_storage(const Shape& shape, DType dtype, Dice& dice) {
  std::vector<Box> boxes{{{}, {}}};
  for (const auto extent : shape) {
    std::vector<Box> finer;
    const auto cuts = random_cuts(extent, dice);
    for (const auto& box : boxes)
      for (const auto& [begin, size] : cuts) {
        finer.push_back(box);
        finer.back().offsets.push_back(begin);
        finer.back().sizes.push_back(size);
      }
    boxes = std::move(finer);
  }
  auto tensor = stored(dtype, shape, {});
  std::uint64_t offset = 100;
  for (const auto& box : boxes) {
    Shape strides(shape.size(), 0);
    std::int64_t next = 1;
    for (std::size_t placed = 0; placed < shape.size();) {
      const auto axis = dice.chance(70) ? shape.size() - 1 - placed : dice.below(shape.size());
      if (strides[axis] != 0) {
        if (dice.chance(50)) continue;
        const auto free = std::ranges::find(strides, 0) - strides.begin();
        strides[static_cast<std::size_t>(free)] = next;
        next *= box.sizes[static_cast<std::size_t>(free)];
      } else {
        strides[axis] = next;
        next = next * box.sizes[axis] + (dice.chance(20) ? 1 : 0);
      }
      ++placed;
    }
    tensor.extents.push_back({static_cast<std::uint32_t>(dice.between(0, 2)), offset, box, strides});
    offset += static_cast<std::uint64_t>(next * bits(dtype) / 8 + 16);
  }
  return tensor;
}

TEST(Copies, AgreeWithMovingEachElement) {
  int several = 0;
  for (std::uint32_t seed = 0; seed < 800; ++seed) {
    Dice dice{seed};
    Shape shape(static_cast<std::size_t>(dice.between(1, 3)));
    for (auto& extent : shape) extent = dice.between(1, 6);
    const auto source = random_storage(shape, dice.chance(50) ? DType::bf16 : DType::f32, dice);
    // A part of the tensor, into a row-major output with its axes in another order.
    auto box = whole(shape);
    const auto axis = dice.below(shape.size());
    box.offsets[axis] = dice.between(0, shape[axis] - 1);
    box.sizes[axis] = dice.between(1, shape[axis] - box.offsets[axis]);
    Shape strides(shape.size());
    std::int64_t next = 1;
    const auto turn = dice.below(shape.size());
    for (std::size_t k = shape.size(); k-- > 0;) {
      strides[(k + turn) % shape.size()] = next;
      next *= box.sizes[(k + turn) % shape.size()];
    }
    const auto maps = place_target(identity_map(element_count(shape).value()), shape, box, strides, dice.between(0, 9));
    ASSERT_TRUE(maps);
    for (const auto& map : *maps) several += expect_moves(map, source, source.dtype).size() > 1;
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
  EXPECT_GT(several, 200);
}

TEST(Copies, ChooseTheirOperation) {
  const auto operation = [](DType from, DType to, double addend) {
    std::vector<Copy> copies;
    const auto source = stored(from, {4}, {{0, 0, whole({4}), {1}}});
    const auto status = append_copies(identity_map(4), source, to, addend, copies);
    EXPECT_TRUE(status) << status.error().text();
    EXPECT_EQ(copies.size(), 1u);
    EXPECT_EQ(copies.at(0).constant, addend);
    EXPECT_EQ(copies.at(0).source_dtype, from);
    return copies.at(0).operation;
  };
  EXPECT_EQ(operation(DType::bf16, DType::bf16, 0), ElementOperation::none);
  EXPECT_EQ(operation(DType::f8_e4m3, DType::f8_e4m3, 0), ElementOperation::none);
  EXPECT_EQ(operation(DType::i64, DType::i64, 0), ElementOperation::none);
  EXPECT_EQ(operation(DType::f32, DType::bf16, 0), ElementOperation::cast);
  EXPECT_EQ(operation(DType::f16, DType::f64, 0), ElementOperation::cast);
  EXPECT_EQ(operation(DType::bf16, DType::bf16, -1), ElementOperation::add_constant);
  EXPECT_EQ(operation(DType::bf16, DType::f32, 1), ElementOperation::add_constant);
}

TEST(Copies, CountOffsetsInTheBytesOfTheirSide) {
  std::vector<Copy> copies;
  const auto source = stored(DType::f32, {8}, {{0, 100, whole({8}), {1}}});
  ASSERT_TRUE(append_copies({3, 5, {{2, 1, 1}}}, source, DType::bf16, 0, copies));
  ASSERT_EQ(copies.size(), 1u);
  EXPECT_EQ(copies[0].source_offset, 112u);
  EXPECT_EQ(copies[0].target_offset, 10u);
}

void expect_refused(const StridedMap& map, const StoredTensor& source, DType to, double addend, const char* problem) {
  std::vector<Copy> copies;
  const auto status = append_copies(map, source, to, addend, copies);
  ASSERT_FALSE(status) << problem;
  EXPECT_EQ(status.error().kind, Error::Kind::unsupported);
  EXPECT_EQ(status.error().subject, "tensor");
  EXPECT_THAT(status.error().problem, HasSubstr(problem));
  EXPECT_GT(status.error().remedy.size(), 15u);
  EXPECT_TRUE(copies.empty());
}

TEST(Copies, RefuseTypesThatCannotBeComputedWith) {
  const auto of = [](DType dtype) { return stored(dtype, {4}, {{0, 0, whole({4}), {1}}}); };
  const auto map = identity_map(4);
  expect_refused(map, of(DType::i64), DType::bf16, 0, "elements of type I64 cannot become BF16");
  expect_refused(map, of(DType::bf16), DType::f8_e4m3, 0, "elements of type BF16 cannot become F8_E4M3");
  expect_refused(map, of(DType::u8), DType::u8, 1, "elements of type U8 cannot become U8");
  expect_refused(map, of(DType::f4), DType::f4, 0, "elements of type F4 are smaller than a byte");
  expect_refused(map, of(DType::f6_e2m3), DType::f6_e2m3, 0, "elements of type F6_E2M3 are smaller than a byte");
}

TEST(Copies, RefuseLayoutsInTooManyPieces) {
  const std::int64_t a = 100'003, b = 1'000'003;
  const auto source = stored(DType::bf16, {a, b}, {{0, 0, {{0, 0}, {a, b / 2}}, {b / 2, 1}}});
  expect_refused({0, 0, {{b, a, 1}, {a, 1, b}}}, source, DType::bf16, 0, "more than 65,536 strided pieces");
}

}  // namespace
}  // namespace weighbridge
