#include <gtest/gtest.h>

#include "engine/schedule.hpp"

namespace weighbridge {
namespace {

OutputTensor tensor_of(std::uint64_t bytes, DType dtype = DType::bf16) { return {"", 0, 0, bytes, dtype, false, {}}; }

TEST(Schedule, NumbersWindowsInOrder) {
  const Budget budget{1, 1 << 20, 8192, 4096};
  Schedule schedule;
  schedule.add(tensor_of(0), 0, budget);
  schedule.add(tensor_of(20000), 0, budget);
  schedule.add(tensor_of(0), 0, budget);
  schedule.add(tensor_of(2), 0, budget);
  ASSERT_EQ(schedule.windows(), 4u);
  const auto check = [&](std::uint64_t number, std::size_t tensor, std::int64_t begin, std::int64_t end) {
    const auto window = schedule.window(number);
    EXPECT_EQ(window.tensor, tensor);
    EXPECT_EQ(window.begin, begin);
    EXPECT_EQ(window.end, end);
  };
  check(0, 1, 0, 8192);
  check(1, 1, 8192, 16384);
  check(2, 1, 16384, 20000);
  check(3, 3, 0, 2);
  EXPECT_EQ(schedule.of_tensor(0), (std::pair<std::uint64_t, std::uint64_t>{0, 0}));
  EXPECT_EQ(schedule.of_tensor(1), (std::pair<std::uint64_t, std::uint64_t>{0, 3}));
}

std::int64_t window_size(DType dtype, std::int64_t pitch, std::size_t capacity, std::size_t window) {
  Schedule schedule;
  schedule.add(tensor_of(std::uint64_t{1} << 40, dtype), pitch, {1, capacity, window, 64});
  return schedule.window(0).end;
}

TEST(Schedule, KeepsTogetherWhatIsReadOutOfOrder) {
  EXPECT_EQ(window_size(DType::bf16, 0, 1 << 20, 8192), 8192);
  EXPECT_EQ(window_size(DType::bf16, 3000, 1 << 20, 8192), 6000);        // as many as fit the usual window
  EXPECT_EQ(window_size(DType::bf16, 100000, 1 << 20, 8192), 100000);    // one that needs more
  EXPECT_EQ(window_size(DType::bf16, 2 << 20, 1 << 20, 8192), 1 << 20);  // one that is too large: as much as there is
}

TEST(Schedule, CutsSharesOfRowsAtRowsThatABlockHolds) {
  Schedule schedule;
  const Budget budget{1, 1 << 20, 65536, 64, 0, 40960};
  schedule.add(tensor_of(100000), 0, budget, RowCut{1000, 4000});   // (40960 - 2 pages) / 4000 = 8 rows
  schedule.add(tensor_of(100000), 0, budget, RowCut{30000, 60000});  // rows beyond the block: as any other
  EXPECT_EQ(schedule.window(0).end, 8000);
  EXPECT_EQ(schedule.window(12).end, 100000);
  EXPECT_EQ(schedule.of_tensor(1), (std::pair<std::uint64_t, std::uint64_t>{13, 15}));
}

TEST(Schedule, CutsNoElement) {
  EXPECT_EQ(window_size(DType::f64, 0, 100, 13), 8);
  EXPECT_EQ(window_size(DType::f64, 24, 100, 13), 24);
  EXPECT_EQ(window_size(DType::f6_e2m3, 0, 100, 13), 12);  // four elements fill three bytes
  EXPECT_EQ(window_size(DType::f6_e2m3, 0, 1 << 20, 1 << 20), 1044480);
  EXPECT_EQ(window_size(DType::f64, 200, 100, 13), 96);
}

}  // namespace
}  // namespace weighbridge
