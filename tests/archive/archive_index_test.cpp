#include "formats/archive_index.hpp"

#include <gmock/gmock.h>

#include <functional>

#include "archive/archive_bytes.hpp"
#include "formats/errors.hpp"
#include "formats/written_file.hpp"

namespace weighbridge {
namespace {

using testing::plain_piece;
using testing::small_archive;
using testing::WrittenArchive;
using testing::WrittenFile;

Result<ArchiveIndex> read(const std::string& bytes) {
  const WrittenFile file{"x.wbz", bytes};
  return read_archive_index(file.open());
}

TEST(ArchiveIndex, ReadsWhatIsWrittenOut) {
  const auto archive = small_archive();
  const auto index = read(archive.bytes());
  ASSERT_TRUE(index) << index.error().text();
  EXPECT_THAT(index->folders, ::testing::ElementsAre("a"));
  ASSERT_EQ(index->files.size(), 3u);
  EXPECT_EQ(index->files[0].path, "a/b");
  EXPECT_EQ(index->files[1].size, 0u);
  EXPECT_EQ(index->files[2].first_piece, 1u);
  EXPECT_EQ(index->files[2].pieces, 2u);
  EXPECT_EQ(index->bytes(), 12u);
  ASSERT_EQ(index->pieces.size(), 3u);
  EXPECT_EQ(index->pieces[0].offset, 16u);
  EXPECT_EQ(index->pieces[1].offset, 16u + archive.pieces[0].frame.size());
  EXPECT_EQ(index->pieces[2].width, 2u);
  EXPECT_EQ(index->pieces[0].crc, 0x3610a686u);  // of "hello"
}

TEST(ArchiveIndex, IsWrittenAsItIsReadHere) {
  const auto archive = small_archive();
  std::string frames;
  ArchiveIndex index{{"a"}, {{"a/b", 5, 0, 1}, {"c", 0, 0, 0}, {"d", 7, 1, 2}}, {}};
  for (const auto& piece : archive.pieces) {
    frames += piece.frame;
    index.pieces.push_back({.stored = static_cast<std::uint32_t>(piece.frame.size()),
                            .size = piece.size,
                            .crc = piece.crc,
                            .width = piece.width});
  }
  EXPECT_EQ(archive_header() + frames + archive_tail(index), archive.bytes());
}

TEST(ArchiveIndex, OfNothingIsSixtyBytes) {
  const WrittenArchive archive;
  EXPECT_EQ(archive.bytes().size(), 60u);
  EXPECT_EQ(archive_header() + archive_tail({}), archive.bytes());
  const auto index = read(archive.bytes());
  ASSERT_TRUE(index) << index.error().text();
  EXPECT_TRUE(index->files.empty());
}

struct Spoilt {
  const char* what;
  std::function<void(WrittenArchive&)> spoil;
  std::string subject, problem;
};

// Names gtest's cases.
void PrintTo(const Spoilt& spoilt, std::ostream* out) { *out << spoilt.what; }

class SpoiltIndex : public ::testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltIndex, IsAnErrorThatSaysWhatIsWrong) {
  auto archive = small_archive();
  GetParam().spoil(archive);
  testing::expect_error(read(archive.bytes()), "x.wbz", GetParam().subject, GetParam().problem);
}

INSTANTIATE_TEST_SUITE_P(
    All, SpoiltIndex,
    ::testing::Values(
        Spoilt{"magic", [](auto& a) { a.magic[1] = 'X'; }, "", "no archive of weighbridge"},
        Spoilt{"text_mode", [](auto& a) { a.magic = "\x89WBZ\n\x1a\n\n"; }, "", "no archive of weighbridge"},
        Spoilt{"version", [](auto& a) { a.version = 2; }, "", "has version 2 and flags 0"},
        Spoilt{"flags", [](auto& a) { a.flags = 8; }, "", "has version 1 and flags 8"},
        Spoilt{"end", [](auto& a) { a.end[0] = 'w'; }, "", "its end is missing"},
        Spoilt{"index_size", [](auto& a) { a.more_index = 1 << 20; }, "", "its index should have 1048"},
        Spoilt{"index_size_overflow", [](auto& a) { a.more_index = ~std::uint64_t{200}; }, "", "its index should have 1844674407370955"},
        Spoilt{"index_crc", [](auto& a) { a.crc_change = 1; }, "", "its index has the checksum"},
        Spoilt{"folder_count", [](auto& a) { a.more_folders = 1000; }, "", "cannot hold 1001 folders"},
        Spoilt{"file_count", [](auto& a) { a.more_files = std::uint64_t{1} << 60; }, "", "cannot hold 1 folders, 1152921504606846979 files"},
        Spoilt{"piece_count", [](auto& a) { a.more_pieces = 1; }, "", "its files have 3 pieces, but its index counts 4"},
        Spoilt{"absolute", [](auto& a) { a.files[2].path = "/etc/passwd"; }, "/etc/passwd", "leads out of the folder"},
        Spoilt{"parent", [](auto& a) { a.files[2].path = "d/../../x"; }, "d/../../x", "leads out of the folder"},
        Spoilt{"parent_folder", [](auto& a) { a.folders[0] = ".."; }, "..", "leads out of the folder"},
        Spoilt{"backslash", [](auto& a) { a.files[2].path = "d\\e"; }, "d\\e", "leads out of the folder"},
        Spoilt{"empty_part", [](auto& a) { a.files[0].path = "a//b"; }, "a//b", "in a way that no archive spells it"},
        Spoilt{"dot", [](auto& a) { a.files[0].path = "a/./b"; }, "a/./b", "in a way that no archive spells it"},
        Spoilt{"no_name", [](auto& a) { a.files[0].path = ""; }, "", "leads out of the folder"},
        Spoilt{"long_name", [](auto& a) { a.files[2].path = std::string(5000, 'x'); }, "", "longer than names may be"},
        Spoilt{"twice", [](auto& a) { a.files[2].path = "c"; }, "c", "there twice"},
        Spoilt{"order", [](auto& a) { a.files[2].path = "b"; }, "b", "out of its order"},
        Spoilt{"both", [](auto& a) { a.folders.push_back("d"); }, "d", "both a file and a folder"},
        Spoilt{"no_folder", [](auto& a) { a.folders.clear(); }, "a/b", "in a folder that the archive does not list"},
        Spoilt{"through_a_file", [](auto& a) { a.files[2].path = "c/d"; }, "c/d", "in a folder that the archive does not list"},
        Spoilt{"too_many_pieces", [](auto& a) { a.files[0].pieces = 4; }, "a/b", "has 4 pieces, more than are left"},
        Spoilt{"too_few_pieces", [](auto& a) { a.files[2].pieces = 1; a.files[2].size = 3; }, "", "its files have 2 pieces, but its index counts 3"},
        Spoilt{"size", [](auto& a) { a.files[0].size = 6; }, "a/b", "its pieces have 5 bytes together, but it should have 6"},
        Spoilt{"no_piece", [](auto& a) { a.files[1].size = 1; }, "c", "its pieces have 0 bytes together, but it should have 1"},
        Spoilt{"empty_piece", [](auto& a) { a.pieces[0].size = 0; }, "a/b", "piece 0 has 0 bytes"},
        Spoilt{"large_piece", [](auto& a) { a.pieces[0].size = (4 << 20) + 1; }, "a/b", "piece 0 has 4194305 bytes"},
        Spoilt{"width", [](auto& a) { a.pieces[0].width = 3; }, "a/b", "coded in a way 3"},
        Spoilt{"no_words", [](auto& a) { a.pieces[0].width = 2; }, "a/b", "no whole number of words of 2 bytes"},
        Spoilt{"no_frame", [](auto& a) { a.pieces[0].frame.clear(); }, "a/b", "piece 0 takes 0 bytes"},
        Spoilt{"gap", [](auto& a) { a.gap = "??"; }, "", "its pieces end at byte"}),
    [](const auto& case_) { return std::string{case_.param.what}; });

TEST(ArchiveIndex, FramesBeyondTheIndexAreAnError) {
  auto archive = small_archive();
  auto bytes = archive.bytes();
  // One frame is said to be one byte longer, and the index has the checksum of that.
  const auto index_size = 24 + 5 + (4 + 3 + 16) + 2 * (4 + 1 + 16) + 3 * 13;
  const auto begin = bytes.size() - 20 - index_size, last = bytes.size() - 20 - 13;
  bytes[last] = static_cast<char>(bytes[last] + 1);
  const auto crc = testing::zlib_crc(std::string_view{bytes}.substr(begin, index_size));
  bytes.replace(bytes.size() - 12, 4, testing::number(crc, 4));
  testing::expect_error(read(bytes), "x.wbz", "d", "piece 1 takes");
}

TEST(ArchiveIndex, LargerThanAllowedIsAnError) {
  const WrittenFile file{"x.wbz", small_archive().bytes()};
  EXPECT_TRUE(read_archive_index(file.open(), 133));
  testing::expect_error(read_archive_index(file.open(), 132), "x.wbz", "",
                        "its index has 133 bytes; at most 132 are read here");
}

TEST(ArchiveIndex, EveryCutIsAnError) {
  const auto bytes = small_archive().bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto index = read(bytes.substr(0, length));
    ASSERT_FALSE(index) << length;
    EXPECT_FALSE(index.error().problem.empty());
  }
}

TEST(ArchiveIndex, EveryFlippedByteOfTheIndexIsAnError) {
  const auto whole = small_archive().bytes();
  const auto index_size = 24 + 5 + (4 + 3 + 16) + 2 * (4 + 1 + 16) + 3 * 13;
  for (std::size_t i = whole.size() - 20 - index_size; i < whole.size(); ++i) {
    auto bytes = whole;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    EXPECT_FALSE(read(bytes)) << i;
  }
}

}  // namespace
}  // namespace weighbridge
