#include <fmt/format.h>
#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/byte_order.hpp"
#include "formats/safetensors.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using testing::expect_error;
using testing::WrittenFile;

std::string file_of(std::string_view header, std::size_t data_bytes) {
  std::string bytes;
  append_little_endian<std::uint64_t>(bytes, header.size());
  return bytes.append(header).append(data_bytes, '\7');
}

Result<SafetensorsHeader> read(std::string_view header, std::size_t data_bytes) {
  const WrittenFile written{"model.safetensors", file_of(header, data_bytes)};
  return read_safetensors_header(written.open());
}

TEST(SafetensorsReader, FindsEveryTensor) {
  const auto good = read(R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[1,13]},"__metadata__":{"format":"pt"},)"
                         R"("a":{"data_offsets":[0,1],"shape":[],"dtype":"F8_E8M0","more":{"x":[1,{}]}},)"
                         R"("none":{"dtype":"F32","shape":[0,5],"data_offsets":[1,1]}}   )",
                         13);
  ASSERT_TRUE(good) << good.error().text();
  const auto start = good->data_start;
  EXPECT_EQ(good->metadata, (SafetensorsMetadata{{"format", "pt"}}));
  EXPECT_EQ(good->tensors, (std::vector<SafetensorsEntry>{{"a", DType::f8_e8m0, {}, start, start + 1},
                                                          {"none", DType::f32, {0, 5}, start + 1, start + 1},
                                                          {"b", DType::bf16, {2, 3}, start + 1, start + 13}}));
}

TEST(SafetensorsReader, CountsPackedElements) {
  EXPECT_TRUE(read(R"({"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}})", 3));
  expect_error(read(R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}})", 2), "model.safetensors", "a",
               "no whole number of bytes");
}

TEST(SafetensorsReader, AcceptsAFileWithoutTensors) {
  EXPECT_TRUE(read("{}", 0));
  EXPECT_TRUE(read(R"({"__metadata__":null})", 0));
}

TEST(SafetensorsReader, RefusesTruncatedFiles) {
  const auto whole = file_of(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})", 16);
  for (const std::size_t kept : {0, 7}) {
    const WrittenFile written{"cut.safetensors", whole.substr(0, kept)};
    expect_error(read_safetensors_header(written.open()), "cut.safetensors", "", "too few for a safetensors file");
  }
  const WrittenFile in_header{"cut.safetensors", whole.substr(0, 30)};
  expect_error(read_safetensors_header(in_header.open()), "cut.safetensors", "",
               "is truncated: it claims a header of 55 bytes, but has only 30");
  const WrittenFile in_data{"cut.safetensors", whole.substr(0, whole.size() - 5)};
  expect_error(read_safetensors_header(in_data.open()), "cut.safetensors", "",
               "is truncated: it has 74 bytes, but its header needs 5 more");
}

TEST(SafetensorsReader, RefusesTrailingBytes) {
  expect_error(read(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 10), "model.safetensors", "",
               "has 8 bytes after the last tensor");
}

TEST(SafetensorsReader, RefusesAbsurdHeaderSizes) {
  for (const std::uint64_t size : {std::uint64_t{100'000'001}, ~std::uint64_t{0}, std::uint64_t{1} << 63}) {
    std::string bytes;
    append_little_endian(bytes, size);
    const WrittenFile written{"big.safetensors", bytes + "{}"};
    expect_error(read_safetensors_header(written.open()), "big.safetensors", "", "at most 100000000 are accepted");
  }
  std::string bytes;
  append_little_endian<std::uint64_t>(bytes, 100'000'000);
  const WrittenFile written{"big.safetensors", bytes + "{}"};
  expect_error(read_safetensors_header(written.open()), "big.safetensors", "",
               "claims a header of 100000000 bytes, but has only 10");
}

TEST(SafetensorsReader, RefusesOverlapsAndHoles) {
  expect_error(read(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                    R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                    6),
               "model.safetensors", "b",
               "begins at byte 2 of the data and overlaps the tensor before it, which ends at byte 4");
  expect_error(read(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                    R"("b":{"dtype":"U8","shape":[1],"data_offsets":[5,6]}})",
                    6),
               "model.safetensors", "b", "leaves a hole after byte 4");
  expect_error(read(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", 4), "model.safetensors", "a",
               "before it begins");
  expect_error(read(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2), "model.safetensors", "a",
               "leaves a hole after byte 0");
}

TEST(SafetensorsReader, RefusesDuplicateKeys) {
  expect_error(read(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                    R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                    1),
               "model.safetensors", "a", "given twice");
  expect_error(read(R"({"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1), "model.safetensors",
               "a", "'dtype' is given twice");
  expect_error(read(R"({"__metadata__":{"x":"1","x":"2"}})", 0), "model.safetensors", "__metadata__",
               "'x' is given twice");
  expect_error(read(R"({"__metadata__":{},"__metadata__":{}})", 0), "model.safetensors", "__metadata__", "given twice");
}

TEST(SafetensorsReader, RefusesWrongEntries) {
  const auto one = [](std::string_view entry) { return read(fmt::format("{{\"w\":{}}}", entry), 4); };
  expect_error(one(R"({"dtype":"F33","shape":[1],"data_offsets":[0,4]})"), "model.safetensors", "w",
               "dtype 'F33' is unknown");
  expect_error(one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})"), "model.safetensors", "w",
               "needs 8 bytes, but data_offsets give 4");
  expect_error(one(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})"), "model.safetensors", "w", "shape holds");
  expect_error(one(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})"), "model.safetensors", "w", "shape holds");
  expect_error(one(R"({"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]})"), "model.safetensors", "w",
               "shape holds");
  expect_error(one(R"({"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]})"), "model.safetensors", "w",
               "no whole number of bytes below 2^63");
  expect_error(one(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})"), "model.safetensors", "w",
               "1 numbers instead of begin and end");
  expect_error(one(R"({"dtype":"F32","shape":[1]})"), "model.safetensors", "w", "is missing");
  expect_error(one(R"({"dtype":7,"shape":[1],"data_offsets":[0,4]})"), "model.safetensors", "w", "wrong kind");
  expect_error(one("[]"), "model.safetensors", "w", "not a JSON object");
  expect_error(read(R"({"__metadata__":{"format":1}})", 0), "model.safetensors", "__metadata__",
               "'format' in __metadata__ is not a string");
}

TEST(SafetensorsReader, RefusesWhatIsNoJson) {
  expect_error(read("[]", 0), "model.safetensors", "", "does not begin with '{'");
  expect_error(read(R"({"a":)", 0), "model.safetensors", "", "not valid JSON");
  expect_error(read("{} x", 0), "model.safetensors", "", "not valid JSON");
  expect_error(read("{\"\xff\":{}}", 0), "model.safetensors", "", "not valid JSON");
  std::string deep = R"({"a":{"x":)" + std::string(10'000, '[');
  expect_error(read(deep, 0), "model.safetensors", "", "not valid JSON");
}

TEST(SafetensorsReader, TakesALimitForHeaders) {
  const WrittenFile written{"model.safetensors",
                            file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1)};
  EXPECT_TRUE(read_safetensors_header(written.open(), 53));
  EXPECT_FALSE(read_safetensors_header(written.open(), 52));
}

}  // namespace
}  // namespace weighbridge
