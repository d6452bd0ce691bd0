// Shares of the same rows are made together, and the rows are read once.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>

#include <fcntl.h>

#include "engine/faulty_files.hpp"
#include "engine/order.hpp"
#include "engine/preflight.hpp"
#include "engine/run.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kRows = 4096, kShare = 1024, kShares = 4, kStride = kShare * kShares;

// Byte `column` of row `row` of the source.
char byte_at(std::int64_t row, std::int64_t column) { return static_cast<char>(row * 31 + column % 251 + column / kShare * 7); }

// Counts what is read around the cache, which holds nothing.
class UncachedFiles : public FaultyFiles {
 public:
  UncachedFiles() { cached = false, syncs = false; }
  std::int64_t pread(int descriptor, void* into, std::size_t size, std::int64_t offset) override {
    const auto got = FaultyFiles::pread(descriptor, into, size, offset);
    if (got > 0) (::fcntl(descriptor, F_GETFL) & O_DIRECT ? around : through) += got;
    return got;
  }
  std::atomic<std::int64_t> around{}, through{};
};

// A matrix whose columns four files share, each between tensors that are copied whole.
class SharedRows : public testing::Test {
 protected:
  SharedRows() {
    std::string source(static_cast<std::size_t>(kRows * kStride), '\0');
    for (std::int64_t row = 0; row < kRows; ++row)
      for (std::int64_t column = 0; column < kStride; ++column) source[static_cast<std::size_t>(row * kStride + column)] = byte_at(row, column);
    plan.sources = {folder.write("in/source", source)};
    for (std::uint32_t rank = 0; rank < kShares; ++rank) {
      plan.files.push_back({"rank" + std::to_string(rank), 100 + kRows * kShare});
      Copy front{0, rank, 0, DType::u8, ElementOperation::none, 0, {{100, 1, 1}}};
      Copy share{0, static_cast<std::uint64_t>(rank * kShare), 0, DType::u8, ElementOperation::none, 0, {{kRows, kStride, kShare}, {kShare, 1, 1}}};
      plan.tensors.push_back({"front", rank, 0, 100, DType::u8, false, {front}});
      plan.tensors.push_back({"share", rank, 100, kRows * kShare, DType::u8, false, {share}});
    }
    options.threads = 2;
    options.files = &files;
  }

  WorkFolder folder;
  Plan plan;
  UncachedFiles files;
  RunOptions options;
};

TEST_F(SharedRows, AreMadeTogether) {
  const auto budget = share_out(options, 0);
  ASSERT_TRUE(budget);
  ASSERT_EQ(budget->block, 8U << 20);
  const auto checked = check_plan(plan, files, *budget);
  ASSERT_TRUE(checked) << checked.error().text();
  const auto order = Order::of(plan, checked->schedule);
  // 2046 rows of 4 KiB fit the block with a page on either side: three windows a share, behind the front's one.
  ASSERT_EQ(checked->schedule.windows(), 16U);
  ASSERT_EQ(order.groups(), 7U);
  const std::vector<std::vector<std::uint64_t>> expected{{0}, {1, 5, 9, 13}, {2, 6, 10, 14}, {3, 7, 11, 15}, {4}, {8}, {12}};
  std::vector<std::uint64_t> windows;
  for (std::uint64_t group = 0; group < 7; ++group) {
    order.group(group, windows);
    EXPECT_EQ(windows, expected[group]) << group;
  }
}

TEST_F(SharedRows, AreReadOnce) {
  const auto report = run(plan, folder.path() / "out", options);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_GE(files.around, kRows * kStride);
  EXPECT_LE(files.around, kRows * kStride + 3 * 8192);
  EXPECT_EQ(files.through, 400);  // the fronts
  const auto written = contents(folder.path() / "out");
  for (std::int64_t rank = 0; rank < kShares; ++rank) {
    const auto& bytes = written.at("rank" + std::to_string(rank));
    ASSERT_EQ(bytes.size(), 100U + kRows * kShare);
    EXPECT_EQ(bytes[99], byte_at(0, rank + 99));
    std::int64_t wrong = 0;
    for (std::int64_t row = 0; row < kRows; ++row)
      for (std::int64_t column = 0; column < kShare; ++column)
        wrong += bytes[static_cast<std::size_t>(100 + row * kShare + column)] != byte_at(row, rank * kShare + column);
    EXPECT_EQ(wrong, 0) << rank;
  }
}

TEST_F(SharedRows, StayApartWhenOneIsOfAnotherHeight) {
  plan.tensors[3].copies[0].loops[0].extent = kRows / 2;
  plan.tensors[3].bytes /= 2;
  plan.files[1].size = 100 + kRows * kShare / 2;
  const auto budget = share_out(options, 0);
  const auto checked = check_plan(plan, files, *budget);
  ASSERT_TRUE(checked) << checked.error().text();
  const auto order = Order::of(plan, checked->schedule);
  std::vector<std::uint64_t> windows;
  order.group(1, windows);
  EXPECT_EQ(windows, (std::vector<std::uint64_t>{1, 8, 12}));
}

}  // namespace
}  // namespace weighbridge
