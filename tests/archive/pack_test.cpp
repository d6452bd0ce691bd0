// Whole folders, packed and unpacked.

#include "archive/pack.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <fstream>
#include <random>

#include "archive/archive_bytes.hpp"
#include "archive/unpack.hpp"
#include "engine/files.hpp"
#include "engine/work_folder.hpp"
#include "formats/errors.hpp"
#include "formats/safetensors.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using ::testing::Values;

std::string bytes_of(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

RunOptions with_threads(unsigned threads) {
  RunOptions options;
  options.threads = threads;
  return options;
}

// A model of 3 million bf16 weights of N(0, 0.02) in one tensor, and what lies beside them.
void make_model(const WorkFolder& work) {
  constexpr std::int64_t kWeights = 3 << 20;
  const std::vector<SafetensorsTensor> tensors{{"weight", DType::bf16, {kWeights}}, {"norm", DType::bf16, {64}}};
  const auto layout = lay_out_safetensors(tensors, {}, SafetensorsOrder::given);
  std::mt19937 generator{3};
  std::normal_distribution<float> normal{0, 0.02f};
  std::string data = layout->header;
  for (std::int64_t i = 0; i < kWeights + 64; ++i)
    data += testing::number(std::bit_cast<std::uint32_t>(normal(generator)) >> 16, 2);
  work.write("model/model.safetensors", data);
  work.write("model/config.json", "{\"model_type\": \"x\"}");
  work.write("model/empty", "");
  work.write("model/sub/.hidden", std::string(5 << 20, '\0') + "end");
  fs::create_directories(work.path() / "model/nothing/in/it");
}

TEST(Pack, GivesTheFolderBackByteForByte) {
  const WorkFolder work;
  make_model(work);
  const auto packed = pack(work.path() / "model", work.path() / "model.wbz", with_threads(2));
  ASSERT_TRUE(packed) << packed.error().text();
  EXPECT_EQ(packed->files, 4u);
  EXPECT_EQ(packed->folders, 4u);  // sub, nothing, nothing/in, nothing/in/it
  // config, header, two of the weight, the norm, two of the zeros.
  EXPECT_EQ(packed->pieces, 7u);
  EXPECT_EQ(packed->tensor_bytes, 2u * ((3 << 20) + 64));
  EXPECT_EQ(packed->bytes_written, fs::file_size(work.path() / "model.wbz"));
  EXPECT_GT(static_cast<double>(packed->tensor_bytes) / static_cast<double>(packed->tensor_stored), 1.50);
  EXPECT_TRUE(packed->notes.empty());

  const auto unpacked = unpack(work.path() / "model.wbz", work.path() / "back", with_threads(2));
  ASSERT_TRUE(unpacked) << unpacked.error().text();
  EXPECT_EQ(unpacked->bytes_written, packed->bytes_read);
  EXPECT_EQ(unpacked->bytes_read, packed->bytes_written);
  EXPECT_TRUE(contents(work.path() / "back") == contents(work.path() / "model"));
}

TEST(Pack, MakesTheSameBytesWhateverTheThreadsAndTheMemory) {
  const WorkFolder work;
  make_model(work);
  std::string first;
  for (const unsigned threads : {1u, 2u, 7u}) {
    auto options = with_threads(threads);
    if (threads == 2) options.max_memory = std::uint64_t{2} << 30;
    options.overwrite = true;
    const auto packed = pack(work.path() / "model", work.path() / "x.wbz", options);
    ASSERT_TRUE(packed) << packed.error().text();
    const auto bytes = bytes_of(work.path() / "x.wbz");
    if (first.empty()) first = bytes;
    EXPECT_TRUE(bytes == first) << threads;
  }
}

TEST(Pack, AnArchiveWrittenOutByHandUnpacks) {
  const WorkFolder work;
  work.write("x.wbz", testing::small_archive().bytes());
  const auto unpacked = unpack(work.path() / "x.wbz", work.path() / "out", {});
  ASSERT_TRUE(unpacked) << unpacked.error().text();
  const std::map<std::string, std::string> expected{
      {"a/", ""}, {"a/b", "hello"}, {"c", ""}, {"d", std::string{"abc\x80\x3f\x00\xc0", 7}}};
  EXPECT_EQ(contents(work.path() / "out"), expected);
}

// A file that stays as it is: archives of version 1 are readable for ever.
TEST(Pack, AnArchiveOfVersion1Unpacks) {
  const WorkFolder work;
  const auto unpacked = unpack(WEIGHBRIDGE_VERSION_1_ARCHIVE, work.path() / "out", {});
  ASSERT_TRUE(unpacked) << unpacked.error().text();
  const std::map<std::string, std::string> expected{
      {"a/", ""}, {"a/b", "hello"}, {"c", ""}, {"d", std::string{"abc\x80\x3f\x00\xc0", 7}}};
  EXPECT_EQ(contents(work.path() / "out"), expected);
}

TEST(Pack, ASpoiltPieceLeavesNothingBehind) {
  const WorkFolder work;
  auto archive = testing::small_archive();
  archive.pieces[2].crc ^= 1;
  work.write("x.wbz", archive.bytes());
  testing::expect_error(unpack(work.path() / "x.wbz", work.path() / "out", with_threads(2)), "x.wbz", "d",
                        "has the checksum");
  EXPECT_EQ(contents(work.path()).size(), 1u);
}

// A disk of a mebibyte, which fills up.
class FullDisk : public Files {
 public:
  std::int64_t pwrite(int descriptor, const void* from, std::size_t size, std::int64_t offset) override {
    if (offset > (1 << 20)) {
      errno = ENOSPC;
      return -1;
    }
    return Files::pwrite(descriptor, from, size, offset);
  }
  int statvfs(const fs::path& path, struct ::statvfs& into) override {
    const int result = Files::statvfs(path, into);
    into.f_frsize = 4096;
    into.f_bavail = 256;
    return result;
  }
};

TEST(Pack, WhatTheDiskDoesNotHoldIsRefusedBeforeAnythingIsWritten) {
  // A hundred frames of few bytes that are 400 MiB.
  const WorkFolder work;
  testing::WrittenArchive archive;
  archive.pieces.assign(100, testing::plain_piece(std::string(4 << 20, '\0')));
  archive.files = {{"zeros", std::uint64_t{400} << 20, 100}};
  work.write("x.wbz", archive.bytes());
  FullDisk files;
  RunOptions options;
  options.files = &files;
  const auto unpacked = unpack(work.path() / "x.wbz", work.path() / "out", options);
  ASSERT_FALSE(unpacked);
  EXPECT_EQ(unpacked.error().problem, "the disk is too full: 419434496 bytes are needed and 1048576 are free");
  EXPECT_EQ(contents(work.path()).size(), 1u);
}

TEST(Pack, DestinationsAreNotReplacedUnasked) {
  const WorkFolder work;
  work.write("model/config.json", "{}");
  work.write("x.wbz", "mine");
  work.write("out/mine", "mine");
  testing::expect_error(pack(work.path() / "model", work.path() / "x.wbz", {}), "x.wbz", "", "the destination exists");
  testing::expect_error(pack(work.path() / "model", work.path() / "out", {}), "out", "", "the destination is a folder");
  testing::expect_error(pack(work.path() / "model", work.path() / "model/x.wbz", {}), "x.wbz", "",
                        "lies in the source folder");
  EXPECT_EQ(bytes_of(work.path() / "x.wbz"), "mine");
  RunOptions overwrite;
  overwrite.overwrite = true;
  ASSERT_TRUE(pack(work.path() / "model", work.path() / "x.wbz", overwrite));
  testing::expect_error(unpack(work.path() / "x.wbz", work.path() / "out", {}), "out", "", "exists and is not empty");
  testing::expect_error(unpack(work.path() / "x.wbz", work.path(), overwrite), "", "",
                        "the destination holds the archive");
  ASSERT_TRUE(unpack(work.path() / "x.wbz", work.path() / "out", overwrite));
  const std::map<std::string, std::string> expected{{"config.json", "{}"}};
  EXPECT_EQ(contents(work.path() / "out"), expected);
}

TEST(Pack, AFullDiskLeavesNothingBehind) {
  const WorkFolder work;
  make_model(work);
  FullDisk files;
  for (const unsigned threads : {1u, 4u}) {
    auto options = with_threads(threads);
    options.files = &files;
    testing::expect_error(pack(work.path() / "model", work.path() / "x.wbz", options), "x.wbz", "", "the disk is full");
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator{work.path()}) names.push_back(entry.path().filename());
    EXPECT_THAT(names, ::testing::ElementsAre("model"));
  }
}

TEST(Pack, StopsWhenAsked) {
  const WorkFolder work;
  make_model(work);
  std::stop_source stop;
  auto options = with_threads(2);
  options.stop = stop.get_token();
  stop.request_stop();
  const auto packed = pack(work.path() / "model", work.path() / "x.wbz", options);
  ASSERT_FALSE(packed);
  EXPECT_EQ(packed.error().kind, Error::Kind::cancelled);
  EXPECT_FALSE(fs::exists(work.path() / "x.wbz"));
}

TEST(Pack, NeedsMemoryForOneWorker) {
  const WorkFolder work;
  work.write("model/config.json", "{}");
  RunOptions options;
  options.max_memory = 1 << 20;
  testing::expect_error(pack(work.path() / "model", work.path() / "x.wbz", options), "", "--max-memory",
                        "bytes of memory do not do");
}

TEST(Pack, TellsItsProgressInBytesOfTheFolder) {
  const WorkFolder work;
  make_model(work);
  std::vector<std::uint64_t> done;
  std::uint64_t total = 0;
  auto options = with_threads(2);
  options.progress = [&](const Progress& progress) {
    done.push_back(progress.bytes_done);
    total = progress.bytes_total;
  };
  const auto packed = pack(work.path() / "model", work.path() / "x.wbz", options);
  ASSERT_TRUE(packed);
  EXPECT_EQ(total, packed->bytes_read);
  EXPECT_EQ(done.front(), 0u);
  EXPECT_EQ(done.back(), total);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
}

class PackGolden : public ::testing::TestWithParam<const char*> {};

TEST_P(PackGolden, ComesBackByteForByte) {
  const auto source = fs::path{WEIGHBRIDGE_GOLDEN} / GetParam();
  const WorkFolder work;
  const auto packed = pack(source, work.path() / "x.wbz", {});
  ASSERT_TRUE(packed) << packed.error().text();
  EXPECT_THAT(packed->notes, ::testing::IsEmpty());
  EXPECT_GT(packed->tensor_bytes, 10000u);
  const auto unpacked = unpack(work.path() / "x.wbz", work.path() / "out", {});
  ASSERT_TRUE(unpacked) << unpacked.error().text();
  const auto files = contents(source);
  EXPECT_GE(files.size(), 4u);
  EXPECT_TRUE(contents(work.path() / "out") == files);
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, PackGolden,
                         Values("llama3/hf", "llama3/megatron", "llama2-mha-fp16/hf", "deepseek-v3-fp8/hf",
                                "gpt-oss-mxfp4/hf", "kimi-k2-int4/hf", "qwen3-tied/megatron", "nemotron3"));

}  // namespace
}  // namespace weighbridge
