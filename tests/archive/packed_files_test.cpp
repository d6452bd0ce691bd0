// The engine reads files in archives as it reads others, within the same budget.

#include "engine/packed_files.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>

#include <fcntl.h>

#include "archive/pack.hpp"
#include "engine/memory.hpp"
#include "engine/run.hpp"
#include "engine/work_folder.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMebibyte = 1 << 20;

// Sanitizers keep shadows of all memory that is touched, which no budget covers.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// Bytes that differ from piece to piece and from word to word.
std::string numbered(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i % 251 + i / kMebibyte);
  return bytes;
}

class PackedFilesTest : public testing::Test {
 protected:
  PackedFilesTest() {
    work.write("model/weights", large);
    work.write("model/sub/note", "a note");
    work.write("model/empty", "");
    const auto packed = pack(work.path() / "model", archive, {});
    EXPECT_TRUE(packed) << packed.error().text();
  }

  std::string read(const fs::path& path, std::int64_t offset, std::size_t size) {
    const int descriptor = files.open(path, O_RDONLY, 0);
    EXPECT_GE(descriptor, 0) << path;
    std::string bytes(size, '?');
    const auto got = files.pread(descriptor, bytes.data(), size, offset);
    EXPECT_EQ(files.close(descriptor), 0);
    return got < 0 ? "refused" : bytes.substr(0, static_cast<std::size_t>(got));
  }

  WorkFolder work;
  fs::path archive = work.path() / "model.wbz";
  std::string large = numbered(9 * kMebibyte + 5);  // three pieces
  PackedFiles files;
};

TEST_F(PackedFilesTest, ReadsWhereverAsked) {
  EXPECT_EQ(read(archive / "sub/note", 0, 100), "a note");
  EXPECT_EQ(read(archive / "sub/note", 2, 3), "not");
  EXPECT_EQ(read(archive / "sub/note", 6, 3), "");
  EXPECT_EQ(read(archive / "empty", 0, 3), "");
  EXPECT_EQ(read(archive / "weights", 0, large.size() + 1), large);
  const auto seam = static_cast<std::int64_t>(4 * kMebibyte);
  for (const auto offset : {seam - 3, seam, seam + 1, 2 * seam - 1, static_cast<std::int64_t>(large.size()) - 2, std::int64_t{0}})
    EXPECT_EQ(read(archive / "weights", offset, 7), large.substr(static_cast<std::size_t>(offset), 7)) << offset;
}

TEST_F(PackedFilesTest, LooksAtThem) {
  struct ::stat found {};
  ASSERT_EQ(files.stat(archive / "weights", found), 0);
  EXPECT_EQ(static_cast<std::size_t>(found.st_size), large.size());
  EXPECT_TRUE(S_ISREG(found.st_mode));
  ASSERT_EQ(files.stat(archive / "sub", found), 0);
  EXPECT_TRUE(S_ISDIR(found.st_mode));
  EXPECT_EQ(files.stat(archive / "nothing", found), -1);
  EXPECT_EQ(errno, ENOENT);
  EXPECT_EQ(files.canonical(archive / "sub/note"), fs::canonical(archive) / "sub/note");
  EXPECT_GT(files.reading_memory(), 8 * kMebibyte);
}

TEST_F(PackedFilesTest, RefusesWhatCannotBe) {
  EXPECT_EQ(files.open(archive / "nothing", O_RDONLY, 0), -1);
  EXPECT_EQ(files.open(archive / "weights", O_WRONLY, 0), -1);
  EXPECT_EQ(errno, EROFS);
  EXPECT_EQ(files.open(archive / "weights", O_RDONLY | O_DIRECT, 0), -1);
  EXPECT_EQ(errno, EINVAL);  // the engine then reads through the cache
  EXPECT_EQ(files.open(archive / "sub/note/deeper", O_RDONLY, 0), -1);
  EXPECT_EQ(files.open(archive / "../model.wbz", O_RDONLY, 0), -1);
  work.write("plain", "no archive");
  EXPECT_EQ(files.open(work.path() / "plain/inside", O_RDONLY, 0), -1);
  EXPECT_EQ(errno, ENOTDIR);
}

TEST_F(PackedFilesTest, SaysWhatIsDamaged) {
  std::fstream{archive, std::ios::binary | std::ios::in | std::ios::out}.seekp(27).put('x');  // in the first piece, which is the note's
  EXPECT_EQ(read(archive / "sub/note", 0, 1), "refused");
  EXPECT_EQ(read(archive / "weights", 0, 1), large.substr(0, 1));
  const auto file = InputFile::open(archive / "sub/note");
  ASSERT_TRUE(file);
  const auto bytes = file->read(0, 6);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().file, archive.string());
  EXPECT_EQ(bytes.error().subject, "sub/note");
}

TEST_F(PackedFilesTest, IsATree) {
  EXPECT_TRUE(tree::is_folder(archive));
  EXPECT_TRUE(tree::is_folder(archive / "sub"));
  EXPECT_FALSE(tree::is_folder(archive / "weights"));
  EXPECT_TRUE(tree::is_file(archive / "sub/note"));
  EXPECT_FALSE(tree::exists(archive / "nothing"));
  EXPECT_EQ(tree::file_size(archive / "weights"), large.size());
  const auto entries = tree::list(archive);
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3U);
  EXPECT_EQ(entries->at(0).path, archive / "empty");
  EXPECT_TRUE(entries->at(1).folder);
  EXPECT_EQ(entries->at(2).path, archive / "weights");
  const auto files_below = tree::files_below(archive);
  ASSERT_TRUE(files_below);
  EXPECT_EQ(*files_below, (std::vector<fs::path>{archive / "empty", archive / "sub/note", archive / "weights"}));
}

// A matrix that is turned and does not fit the budget, and a tensor that is kept, out of an archive.
TEST(PackedRun, StaysWithinTheBudget) {
  const WorkFolder work;
  constexpr std::int64_t kSide = 6144;
  constexpr std::uint64_t kTurned = kSide * kSide * 2, kTotal = kTurned + 96 * kMebibyte;
  const auto source = work.write("model/weights", numbered(kTotal));
  const auto archive = work.path() / "model.wbz";
  const auto packed = pack(work.path() / "model", archive, {});
  ASSERT_TRUE(packed) << packed.error().text();
  Plan plan;
  plan.files = {{"model", kTotal}};
  plan.tensors = {
      {"turned", 0, 0, kTurned, DType::bf16, false, {{0, 0, 0, DType::bf16, ElementOperation::none, 0, {{kSide, 1, kSide}, {kSide, kSide, 1}}}}},
      {"kept", 0, kTurned, kTotal - kTurned, DType::u8, false,
       {{0, kTurned, 0, DType::u8, ElementOperation::none, 0, {{static_cast<std::int64_t>(kTotal - kTurned), 1, 1}}}}}};
  RunOptions options;
  options.threads = 2;
  options.max_memory = resident_now() + 64 * kMebibyte;  // this process has packed before
  plan.sources = {archive / "weights"};
  ASSERT_TRUE(InputFile::open(plan.sources.front()));
  std::ofstream{"/proc/self/clear_refs"} << '5';  // the peak counts from here
  const auto report = run(plan, work.path() / "from-archive", options);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_LE(report->peak_resident, options.max_memory * (kSanitized ? 6 : 1));
  EXPECT_LE(report->buffer_bytes, 40 * kMebibyte);
  plan.sources = {source};
  const auto plain = run(plan, work.path() / "from-folder", options);
  ASSERT_TRUE(plain) << plain.error().text();
  EXPECT_TRUE(contents(work.path() / "from-archive") == contents(work.path() / "from-folder"));
}

}  // namespace
}  // namespace weighbridge
