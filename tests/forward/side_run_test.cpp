// Products with weights that are read from files, in blocks of any size.

#include "forward/side_run.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "checkpoints/temporary_folder.hpp"
#include "engine/memory.hpp"

namespace weighbridge {
namespace {

// W = [[1, 2], [3, 4], [5, 6]], in one file.
class Products : public testing::Test {
 protected:
  Products() {
    const float values[] = {1, 2, 3, 4, 5, 6};
    std::ofstream{folder / "w", std::ios::binary}.write(reinterpret_cast<const char*>(values), sizeof values);
  }
  TensorRows open(DType rounded = DType::f32) {
    Plan plan;
    plan.sources = {folder / "w"};
    HeldTensors tensors;
    const Shape shape{3, 2};
    tensors["W"] = {{"W", DType::f32, shape, {{0, 0, whole(shape), row_major_strides(shape)}}}, rounded};
    auto made = TensorRows::make(std::move(plan), std::move(tensors), resident_now() + (64 << 20), {});
    if (!made) throw std::runtime_error(made.error().text());
    return *std::move(made);
  }
  test::TemporaryFolder folder;
  Tokens tokens{1, 2, {0, 1}};
  ForwardSink sink{[](std::int64_t, std::int64_t, const float*) { return done(); }, [](std::int64_t, const float*) { return done(); }};
};

TEST_F(Products, OfRows) {
  auto tensors = open();
  SideRun run{tensors, tokens, sink};
  const float x[] = {1, 10, 2, 20};
  float y[6];
  ASSERT_TRUE(run.multiply({.weight = "W", .first = 0, .rows = 3, .turned = false, .tokens = 2, .x = x, .y = y}));
  EXPECT_THAT(y, testing::ElementsAre(21, 43, 65, 42, 86, 130));
  float last[2];
  ASSERT_TRUE(run.multiply({.weight = "W", .first = 2, .rows = 1, .turned = false, .tokens = 2, .x = x, .y = last}));
  EXPECT_THAT(last, testing::ElementsAre(65, 130));
}

TEST_F(Products, Turned) {
  auto tensors = open();
  SideRun run{tensors, tokens, sink};
  const float x[] = {1, 10, 100, 0, 1, 0};
  float y[4] = {9, 9, 9, 9};
  ASSERT_TRUE(run.multiply({.weight = "W", .first = 0, .rows = 3, .turned = true, .tokens = 2, .x = x, .y = y}));
  EXPECT_THAT(y, testing::ElementsAre(531, 642, 3, 4));
}

TEST_F(Products, NameWhatIsMissing) {
  auto tensors = open();
  SideRun run{tensors, tokens, sink};
  float into[4];
  const auto none = run.rows("V", 0, 1, into);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), testing::HasSubstr("tensor V: is needed to run the model but not in the checkpoint"));
  for (const auto& [first, count] : {std::pair{2, 2}, std::pair{-1, 1}, std::pair{0, -1}}) {
    const auto beyond = run.rows("W", first, count, into);
    ASSERT_FALSE(beyond);
    EXPECT_THAT(beyond.error().text(), testing::HasSubstr("tensor W: has 3 rows"));
  }
}

TEST_F(Products, RoundedValuesAreWidenedInPlace) {
  const float values[] = {1.00390625F, 2, 3, 4, 5, 1.01171875F};  // the first lies between two of BF16 and goes to the even one
  std::ofstream{folder / "w", std::ios::binary}.write(reinterpret_cast<const char*>(values), sizeof values);
  auto tensors = open(DType::bf16);
  SideRun run{tensors, tokens, sink};
  float into[6];
  ASSERT_TRUE(run.rows("W", 0, 3, into));
  EXPECT_THAT(into, testing::ElementsAre(1.0F, 2, 3, 4, 5, 1.015625F));
}

}  // namespace
}  // namespace weighbridge
