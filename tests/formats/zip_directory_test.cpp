#include "formats/zip_directory.hpp"

#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/byte_order.hpp"
#include "formats/torch_archive.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using testing::expect_error;
using testing::WrittenFile;

// Records x/a ("hello") and x/b (empty) as PyTorch frames them.
std::string small_archive() {
  return lay_out_torch_archive({{"a", "hello", false, 0}, {"b", "", false, 0}}, "x").literals.at(0).bytes.text();
}

void put(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i, value >>= 8) bytes[at + i] = static_cast<char>(value & 0xff);
}

// Where things lie in small_archive(): the directory's first entry, and the end records.
std::size_t central(const std::string& bytes) { return bytes.find("PK\x01\x02"); }
std::size_t end64(const std::string& bytes) { return bytes.find("PK\x06\x06"); }
std::size_t end_record(const std::string& bytes) { return bytes.find("PK\x05\x06"); }

Result<std::vector<ZipRecord>> read(const std::string& bytes) {
  const WrittenFile written{"a.zip", bytes};
  return read_zip_directory(written.open(), 0, bytes.size(), "item");
}

TEST(ZipDirectory, FindsRecordsAnywhereInAFile) {
  const auto archive = small_archive();
  const WrittenFile written{"a.zip", "12345" + archive + "678"};
  const auto records = read_zip_directory(written.open(), 5, archive.size());
  ASSERT_TRUE(records) << records.error().text();
  ASSERT_EQ(records->size(), 2u);
  EXPECT_EQ((*records)[0].name, "x/a");
  EXPECT_EQ((*records)[0].offset, 5u + 64u);
  EXPECT_EQ((*records)[0].size, 5u);
  EXPECT_EQ((*records)[0].crc, 0x3610a686u);
  EXPECT_EQ(*written.open().read((*records)[0].offset, 5), "hello");
  EXPECT_EQ((*records)[1].name, "x/b");
  EXPECT_EQ((*records)[1].size, 0u);
}

TEST(ZipDirectory, AllowsAComment) {
  auto bytes = small_archive();
  put(bytes, bytes.size() - 2, 3000, 2);
  EXPECT_TRUE(read(bytes + std::string(3000, 'c')));
}

TEST(ZipDirectory, RefusesWhatIsNoArchive) {
  expect_error(read(""), "a.zip", "item", "no complete zip archive");
  expect_error(read(std::string(100'000, 'x')), "a.zip", "item", "no complete zip archive");
  const auto whole = small_archive();
  expect_error(read(whole.substr(0, whole.size() - 1)), "a.zip", "item", "no complete zip archive");
  const WrittenFile written{"a.zip", whole};
  expect_error(read_zip_directory(written.open(), 1, whole.size()), "a.zip", "", "is truncated");
}

TEST(ZipDirectory, RefusesLyingSizes) {
  auto bytes = small_archive();
  put(bytes, central(bytes) + 20, 500, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "claims 5 bytes, but stores 500");
  put(bytes, central(bytes) + 24, 500, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "claims 500 bytes at byte 64, more than the archive holds");
  put(bytes, central(bytes) + 20, 20, 4);
  put(bytes, central(bytes) + 24, 20, 4);
  EXPECT_TRUE(read(bytes)) << "20 bytes still end before the next header, at the descriptor's expense";
  put(bytes, central(bytes) + 20, 40, 4);
  put(bytes, central(bytes) + 24, 40, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "overlaps the record 'x/b'");
  put(bytes, central(bytes) + 20, 0xffffffff, 4);
  put(bytes, central(bytes) + 24, 0xffffffff, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "zip64 block");
}

TEST(ZipDirectory, RefusesLocalHeadersThatDisagree) {
  auto bytes = small_archive();
  put(bytes, 22, 6, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "claims 6 bytes, but the directory 5");
  bytes = small_archive();
  bytes[32] = 'z';  // the local name
  expect_error(read(bytes), "a.zip", "item: x/a", "does not agree with the directory");
  bytes = small_archive();
  put(bytes, central(bytes) + 42, 1, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "does not agree with the directory");
  put(bytes, central(bytes) + 42, 0x7fffffff, 4);
  expect_error(read(bytes), "a.zip", "item: x/a", "outside of the archive");
}

TEST(ZipDirectory, RefusesWrongEndRecords) {
  auto bytes = small_archive();
  put(bytes, end_record(bytes) + 10, 3, 2);
  expect_error(read(bytes), "a.zip", "item", "end records disagree");
  bytes = small_archive();
  put(bytes, end64(bytes) + 40, 1u << 20, 8);
  put(bytes, end_record(bytes) + 12, 0xffffffff, 4);
  expect_error(read(bytes), "a.zip", "item", "claims a directory of 1048576 bytes");
  bytes = small_archive();
  put(bytes, end64(bytes) + 32, ~std::uint64_t{0}, 8);
  put(bytes, end_record(bytes) + 10, 0xffff, 2);
  expect_error(read(bytes), "a.zip", "item", "records, but its directory has only");
  bytes = small_archive();
  put(bytes, end64(bytes) + 56 + 8, 1u << 30, 8);
  expect_error(read(bytes), "a.zip", "item", "zip64 end record at byte 1073741824");
  bytes = small_archive();
  put(bytes, end_record(bytes) + 4, 1, 2);
  expect_error(read(bytes), "a.zip", "item", "split zip archive");
}

TEST(ZipDirectory, RefusesDuplicateNames) {
  const auto twice = lay_out_torch_archive({{"a", "1", false, 0}, {"a", "2", false, 0}}, "x").literals.at(0).bytes.text();
  expect_error(read(twice), "a.zip", "item: x/a", "given twice");
}

TEST(ZipDirectory, RefusesCompressionAndEncryption) {
  auto bytes = small_archive();
  put(bytes, central(bytes) + 10, 8, 2);
  expect_error(read(bytes), "a.zip", "item: x/a", "compressed (zip method 8)");
  EXPECT_EQ(read(bytes).error().kind, Error::Kind::unsupported);
  bytes = small_archive();
  put(bytes, central(bytes) + 8, 0x0809, 2);
  expect_error(read(bytes), "a.zip", "item: x/a", "encrypted");
}

}  // namespace
}  // namespace weighbridge
