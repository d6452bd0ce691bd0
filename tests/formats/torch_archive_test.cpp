#include "formats/torch_archive.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/byte_order.hpp"
#include "formats/crc32.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using testing::expect_error;
using testing::WrittenFile;

// What PyTorch 2.15 wrote for torch.save(torch.arange(6.).reshape(2, 3)) into a stream.
const std::string kPickle{
    "\200\002ctorch._utils\n_rebuild_tensor_v2\nq\000(("
    "X\007\000\000\000storageq\001ctorch\nFloatStorage\nq\002X\001\000\000\0000q\003X\003\000\000"
    "\000cpuq\004K\006tq\005QK\000K\002K\003\206q\006K\003K\001\206q\007\211ccollections\nOrderedDict\nq\010)"
    "Rq\ttq\nRq\013.",
    154};
const std::string kData{"\0\0\0\0\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40", 24};

std::vector<ArchiveRecord> reference_records() {
  return {{"data.pkl", kPickle, false, 0},
          {".format_version", "1", false, 0},
          {".storage_alignment", "64", false, 0},
          {"byteorder", "little", false, 0},
          {"data/0", kData, false, 0},
          {"version", "3\n", false, 0},
          {".data/serialization_id", "1572819951185464302603622430115872126654", false, 0}};
}

TEST(TorchArchive, FramesAsPyTorchDoes) {
  const auto layout = lay_out_torch_archive(reference_records());
  EXPECT_EQ(layout.size, 1577u);
  ASSERT_EQ(layout.literals.size(), 1u);
  EXPECT_EQ(crc32(layout.literals[0].bytes.text()), 0xd60bbe97u) << "the whole file differs from PyTorch's";
}

TEST(TorchArchive, LeavesRoomForBytesThatComeLater) {
  auto records = reference_records();
  records[4] = {"data/0", {}, true, 24};
  const auto layout = lay_out_torch_archive(records);
  EXPECT_EQ(layout.size, 1577u);
  EXPECT_EQ(layout.external, std::vector<std::uint64_t>{0x2c0});
  ASSERT_EQ(layout.literals.size(), 2u);
  EXPECT_EQ(layout.literals[0].offset, 0u);
  EXPECT_EQ(layout.literals[0].bytes.size(), 0x2c0u);
  EXPECT_EQ(layout.literals[1].offset, 0x2c0u + 24);
  // In the data descriptor right after the data, and in the directory.
  ASSERT_EQ(layout.literals[1].checksums.size(), 2u);
  EXPECT_EQ(layout.literals[1].checksums[0].tensor, 0u);
  EXPECT_EQ(layout.literals[1].checksums[0].position, 4u);
  std::string bytes = layout.literals[1].bytes.text();
  for (const auto& slot : layout.literals[1].checksums) {
    std::string crc;
    append_little_endian(crc, crc32(kData));
    bytes.replace(slot.position, 4, crc);
  }
  EXPECT_EQ(crc32(layout.literals[0].bytes.text() + kData + bytes), 0xd60bbe97u);
}

TEST(TorchArchive, PlacesLiteralsInAPlan) {
  auto layout = lay_out_torch_archive({{"data/0", {}, true, 24}});
  std::vector<Literal> literals;
  place(layout, 3, 1000, 7, literals);
  ASSERT_EQ(literals.size(), 2u);
  EXPECT_EQ(literals[0].file, 3u);
  EXPECT_EQ(literals[0].offset, 1000u);
  EXPECT_EQ(literals[1].offset, 1000 + layout.external[0] + 24);
  EXPECT_EQ(literals[1].checksums[0].tensor, 7u);
}

TEST(TorchArchive, HasNothingToWaitForInAnEmptyRecord) {
  const auto layout = lay_out_torch_archive({{"data/0", {}, true, 0}});
  ASSERT_EQ(layout.literals.size(), 1u);
  EXPECT_TRUE(layout.literals[0].checksums.empty());
  EXPECT_EQ(layout.external, std::vector<std::uint64_t>{64});
  EXPECT_EQ(little_endian_at<std::uint16_t>(layout.literals[0].bytes.text(), 6), 0x0800);
}

TEST(TorchArchive, UsesZip64ForBigRecords) {
  // A header at 0x2d6 and a name of 10 bytes, as in the recorded example of a storage of 4 294 967 301 bytes.
  constexpr std::uint64_t kSize = 4294967301;
  const auto padding = [](std::size_t bytes) { return ArchiveRecord{"data.pkl", std::string(bytes, 'p'), false, 0}; };
  // Header 30, name 12, extra to 64, data, descriptor 16: the next header is at 0x2d6 with 646 bytes of data.
  const auto layout =
      lay_out_torch_archive({padding(646), {"data/0", {}, true, kSize}, {"version", "3\n", false, 0}}, "big");
  const auto& front = layout.literals[0].bytes.text();
  ASSERT_EQ(little_endian_at<std::uint32_t>(front, 0x2d6), 0x04034b50u);
  const std::string expected_extra =
      std::string{"\1\0\x10\0\5\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\x46\x42\x2a\0", 24} + std::string(42, 'Z');
  EXPECT_EQ(front.substr(0x2d6 + 40), expected_extra);
  EXPECT_EQ(layout.external[0] % 64, 0u);
  const auto& back = layout.literals[1].bytes.text();
  EXPECT_EQ(little_endian_at<std::uint32_t>(back, 0), 0x08074b50u);
  EXPECT_EQ(little_endian_at<std::uint64_t>(back, 8), kSize);
  EXPECT_EQ(little_endian_at<std::uint64_t>(back, 16), kSize);
  // The record after it begins beyond 4 GiB: its own offset is in a zip64 block of 8 bytes.
  EXPECT_EQ(little_endian_at<std::uint32_t>(back, 24), 0x04034b50u);
  EXPECT_EQ(back.substr(24 + 30 + 11, 4), (std::string{"\1\0\x08\0", 4}));
  EXPECT_EQ(little_endian_at<std::uint64_t>(back, 24 + 30 + 11 + 4), layout.external[0] + kSize + 24);
}

TEST(TorchArchive, ReadsItsOwnZip64) {
  constexpr std::uint64_t kSize = 4294967301;
  const auto layout =
      lay_out_torch_archive({{"data.pkl", "p", false, 0}, {"data/0", {}, true, kSize}, {"version", "3\n", false, 0}});
  const WrittenFile written{"big.pt", layout.literals[0].bytes.text()};
  {
    std::ofstream out{written.path(), std::ios::binary | std::ios::in};
    out.seekp(static_cast<std::streamoff>(layout.literals[1].offset));  // a sparse file
    out << layout.literals[1].bytes.text();
  }
  const auto file = written.open();
  ASSERT_EQ(file.size(), layout.size);
  const auto archive = read_torch_archive(file, 0, file.size());
  ASSERT_TRUE(archive) << archive.error().text();
  EXPECT_EQ(archive->records.at("data/0").offset, layout.external[0]);
  EXPECT_EQ(archive->records.at("data/0").size, kSize);
  EXPECT_EQ(*file.read(archive->records.at("version").offset, 2), "3\n");
}

Result<TorchArchive> read(std::vector<ArchiveRecord> records) {
  const auto bytes = lay_out_torch_archive(std::move(records)).literals.at(0).bytes.text();
  const WrittenFile written{"m.pt", bytes};
  return read_torch_archive(written.open(), 0, bytes.size());
}

TEST(TorchArchive, ReadsByName) {
  const auto archive = read(reference_records());
  ASSERT_TRUE(archive);
  EXPECT_EQ(archive->prefix, "archive/");
  EXPECT_EQ(archive->records.size(), 7u);
  EXPECT_EQ(archive->records.at("data/0").offset, 0x2c0u);
  EXPECT_FALSE(archive->big_endian);
  EXPECT_TRUE(read({{"data.pkl", "x", false, 0}, {".data/version", "10", false, 0}}));
  EXPECT_TRUE(
      read({{"data.pkl", "x", false, 0}, {"version", "3\n", false, 0}, {"byteorder", "big", false, 0}})->big_endian);
}

TEST(TorchArchive, RefusesOtherArchives) {
  expect_error(read({{"data.pkl", "x", false, 0}}), "m.pt", "", "'version' is missing");
  expect_error(read({{"version", "3\n", false, 0}}), "m.pt", "", "'data.pkl' is missing");
  expect_error(read({{"data.pkl", "x", false, 0}, {"version", "11\n", false, 0}}), "m.pt", "", "none of 1 to 10");
  expect_error(read({{"data.pkl", "x", false, 0}, {"version", std::string(100, '3'), false, 0}}), "m.pt", "",
               "has 100 bytes");
  expect_error(read({{"data.pkl", "x", false, 0}, {"version", "3\n", false, 0}, {"constants.pkl", "x", false, 0}}),
               "m.pt", "", "TorchScript");
  expect_error(read({{"data.pkl", "x", false, 0}, {"version", "3\n", false, 0}, {"byteorder", "middle", false, 0}}),
               "m.pt", "", "byte order is 'middle'");
}

}  // namespace
}  // namespace weighbridge
