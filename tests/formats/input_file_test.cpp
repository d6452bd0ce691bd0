#include "formats/input_file.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/crc32.hpp"
#include "formats/relative_path.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using testing::expect_error;
using testing::WrittenFile;

TEST(InputFile, ReadsAtPositions) {
  const WrittenFile written{"a.bin", "0123456789"};
  const auto file = written.open();
  EXPECT_EQ(file.size(), 10u);
  EXPECT_EQ(file.name(), written.path().string());
  EXPECT_EQ(*file.read(3, 4), "3456");
  EXPECT_EQ(*file.read(10, 0), "");
}

TEST(InputFile, NamesTheFileInErrors) {
  const WrittenFile written{"a.bin", "0123456789"};
  expect_error(InputFile::open(written.folder() / "none.bin"), "none.bin", "", "No such file");
  expect_error(InputFile::open(written.folder()), "weighbridge-", "", "is a folder");
  const auto file = written.open();
  expect_error(file.read(8, 3), "a.bin", "", "3 bytes wanted at byte 8, but the file has 10 bytes");
  expect_error(file.read(~std::uint64_t{0}, 2), "a.bin", "", "but the file has 10 bytes");
  expect_error(file.read(1, ~std::uint64_t{0}), "a.bin", "", "but the file has 10 bytes");
}

TEST(InputFile, NoticesAFileThatShrinks) {
  const WrittenFile written{"a.bin", "0123456789"};
  const auto file = written.open();
  std::filesystem::resize_file(written.path(), 4);
  expect_error(file.read(2, 6), "a.bin", "", "ended at byte 4 although it had 10 bytes when opened");
}

TEST(InputFile, BoundsWholeFiles) {
  const WrittenFile written{"a.json", "{\"a\":1}"};
  EXPECT_EQ(*read_whole_file(written.path(), 7), "{\"a\":1}");
  expect_error(read_whole_file(written.path(), 6), "a.json", "", "has 7 bytes; at most 6 are expected");
}

TEST(RelativePath, StaysInsideItsFolder) {
  for (const auto* inside : {"a.safetensors", "sub/a.bin", "__0_0.distcp", "a..b", "...", "./a"})
    EXPECT_TRUE(stays_inside_folder(inside)) << inside;
  for (const std::string_view outside : {"", "/etc/passwd", "../a", "a/../../b", "..", "a/..", "a\\b", ".", "a/"})
    EXPECT_FALSE(stays_inside_folder(outside)) << outside;
  EXPECT_FALSE(stays_inside_folder(std::string_view{"a\0b", 3}));
  EXPECT_FALSE(stays_inside_folder("a\nb"));
}

TEST(Crc32, IsThatOfZlib) {
  EXPECT_EQ(crc32(std::string_view{"123456789"}), 0xcbf43926u);
  EXPECT_EQ(crc32(std::string_view{"6789"}, crc32(std::string_view{"12345"})), 0xcbf43926u);
  EXPECT_EQ(crc32({}), 0u);
}

}  // namespace
}  // namespace weighbridge
