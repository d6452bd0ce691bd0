#include "engine/memory.hpp"

#include <fstream>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/files.hpp"
#include "engine/work_folder.hpp"

namespace weighbridge {
namespace {

constexpr std::uint64_t kMebibyte = 1 << 20;

// Sanitizers keep shadows of all memory that is touched, which no budget covers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

RunOptions options_of(std::uint64_t max_memory, unsigned threads) {
  RunOptions options;
  options.max_memory = max_memory;
  options.threads = threads;
  return options;
}

TEST(Budget, SharesOutWhatIsThere) {
  const auto budget = share_out(options_of(256 * kMebibyte, 2), 20 * kMebibyte);
  ASSERT_TRUE(budget);
  EXPECT_EQ(budget->threads, 2u);
  EXPECT_EQ(budget->window, 4 * kMebibyte);
  EXPECT_EQ(budget->scratch, 2 * kMebibyte);
  EXPECT_EQ(budget->capacity, 112 * kMebibyte - (9 << 20) - 8192);  // (256 - 20 - 8) / 2 - 2
}

TEST(Budget, ShrinksWindowsThenThreads) {
  const auto windows = share_out(options_of(20 * kMebibyte, 4), 4 * kMebibyte);  // 8 to share
  ASSERT_TRUE(windows);
  EXPECT_EQ(windows->threads, 4u);
  EXPECT_EQ(windows->capacity + windows->scratch, 2 * kMebibyte);
  const auto threads = share_out(options_of(20 * kMebibyte, 4), 11 * kMebibyte);  // 1 to share
  ASSERT_TRUE(threads);
  EXPECT_EQ(threads->threads, 1u);
  EXPECT_EQ(threads->capacity + threads->scratch, kMebibyte);
}

TEST(Budget, NamesWhatWouldDo) {
  const auto refused = share_out(options_of(16 * kMebibyte, 4), 20 * kMebibyte);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Error::Kind::usage);
  EXPECT_EQ(refused.error().remedy, "Allow at least 29 MiB");  // 20, a reserve of 8, half a one to work in
  EXPECT_TRUE(share_out(options_of(29 * kMebibyte, 4), 20 * kMebibyte));
}

TEST(Memory, TellsWhatIsResident) {
  auto buffer = Buffer::make(64 * kMebibyte);
  ASSERT_TRUE(buffer);
  const auto before = resident_now();
  for (std::size_t i = 0; i < buffer->bytes().size(); i += 4096) buffer->bytes()[i] = std::byte{1};
  EXPECT_GE(resident_now(), before + 60 * kMebibyte);
  EXPECT_GE(resident_peak(), resident_now());
}

// Does everything but store what is written, so that gigabytes can be.
class Discarding : public Files {
 public:
  int fallocate(int, std::int64_t) override { return 0; }
  std::int64_t pwrite(int, const void*, std::size_t size, std::int64_t) override {
    return static_cast<std::int64_t>(size);
  }
  int start_writeback(int, std::int64_t, std::int64_t) override { return 0; }
};

TEST(Memory, StaysWithinTheBudgetWhateverTheModel) {
  // A matrix that fits no buffer, to be transposed, and a long tensor that is kept.
  const std::uint64_t side = kSanitized ? 6000 : 12000;
  const std::uint64_t turned = side * side * 2, total = (kSanitized ? 256 : 2048) * kMebibyte;
  const WorkFolder folder;
  const auto source = folder.write("source/model", "");
  std::filesystem::resize_file(source, total);  // sparse
  Plan plan;
  plan.sources = {source};
  plan.files = {{"model", total}};
  const auto rows = static_cast<std::int64_t>(side);
  plan.tensors = {
      {"turned",
       0,
       0,
       turned,
       DType::bf16,
       false,
       {{0, 0, 0, DType::bf16, ElementOperation::none, 0, {{rows, 1, rows}, {rows, rows, 1}}}}},
      {"kept",
       0,
       turned,
       total - turned,
       DType::u8,
       false,
       {{0, turned, 0, DType::u8, ElementOperation::none, 0, {{static_cast<std::int64_t>(total - turned), 1, 1}}}}}};
  Discarding files;
  auto options = options_of(256 * kMebibyte + (kSanitized ? resident_now() : 0), 2);
  options.files = &files;
  std::ofstream{"/proc/self/clear_refs"} << '5';  // the peak counts from here
  const auto report = run(plan, folder.path() / "out", options);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->bytes_written, total);
  EXPECT_LE(report->buffer_bytes, 248 * kMebibyte);
  EXPECT_GE(report->peak_resident, 100 * kMebibyte);  // the matrix did need its part of it
  EXPECT_LE(report->peak_resident, options.max_memory * (kSanitized ? 6 : 1));
  // Read at most once for each of the passes that the matrix needs.
  EXPECT_LE(report->bytes_read, total + total / 100);
}

TEST(Memory, StaysWithinTheBudgetWithVeryManyTensors) {
  const std::size_t count = kSanitized ? 20'000 : 200'000;
  constexpr std::uint64_t kBytes = 96;
  const WorkFolder folder;
  const auto source = folder.write("source/model", "");
  std::filesystem::resize_file(source, count * kBytes);  // sparse
  Plan plan;
  plan.sources = {source};
  plan.files = {{"model", count * kBytes}};
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = i * kBytes, from = (count - 1 - i) * kBytes;  // backwards, so that nothing can be read in one go
    plan.tensors.push_back({"decoder.layers." + std::to_string(i) + ".weight", 0, at, kBytes, DType::bf16, false,
                            {{0, from, 0, DType::bf16, ElementOperation::none, 0, {{kBytes / 2, 1, 1}}}}});
  }
  auto options = options_of(256 * kMebibyte + (kSanitized ? resident_now() : 0), 2);
  std::ofstream{"/proc/self/clear_refs"} << '5';  // the peak counts from here
  const auto report = run(plan, folder.path() / "out", options);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->bytes_written, count * kBytes);
  EXPECT_LE(report->peak_resident, options.max_memory * (kSanitized ? 6 : 1));
  EXPECT_EQ(report->bytes_read, count * kBytes);
}

TEST(Memory, NeedsNoMoreThanWhatItSaysWouldDo) {
  const WorkFolder folder;
  const std::uint64_t total = 16 * kMebibyte;
  const auto source = folder.write("source/model", std::string(total, 'x'));
  Plan plan;
  plan.sources = {source};
  plan.files = {{"model", total}};
  plan.tensors = {{"all",
                   0,
                   0,
                   total,
                   DType::u8,
                   false,
                   {{0, 0, 0, DType::u8, ElementOperation::none, 0, {{static_cast<std::int64_t>(total), 1, 1}}}}}};
  const auto refused = run(plan, folder.path() / "out", options_of(kMebibyte, 2));
  ASSERT_FALSE(refused);
  const auto number = refused.error().remedy.substr(std::string{"Allow at least "}.size());
  const auto enough = (std::stoull(number) + 8) * kMebibyte;  // the program may have grown a little since
  const auto report = run(plan, folder.path() / "out", options_of(enough, 2));
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_LE(report->buffer_bytes, 10 * kMebibyte);
  EXPECT_EQ(contents(folder.path() / "out").at("model"), std::string(total, 'x'));
}

}  // namespace
}  // namespace weighbridge
