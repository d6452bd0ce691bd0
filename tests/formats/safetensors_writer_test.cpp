#include <gtest/gtest.h>

#include "errors.hpp"
#include "formats/byte_order.hpp"
#include "formats/safetensors.hpp"
#include "written_file.hpp"

namespace weighbridge {
namespace {

using testing::expect_error;

std::string text_of(const SafetensorsLayout& layout) { return layout.header.substr(8); }

TEST(SafetensorsWriter, WritesTheReferenceBytes) {
  const std::vector<SafetensorsTensor> tensors{{"w", DType::f32, {2, 2}}};
  const auto layout = lay_out_safetensors(tensors);
  ASSERT_TRUE(layout);
  EXPECT_EQ(little_endian_at<std::uint64_t>(layout->header, 0), 0x58u);
  EXPECT_EQ(text_of(*layout),
            R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}})");
  EXPECT_EQ(layout->offsets, std::vector<std::uint64_t>{96});
  EXPECT_EQ(layout->file_size, 112u);
}

TEST(SafetensorsWriter, OrdersByTypeThenName) {
  const std::vector<SafetensorsTensor> tensors{{"c", DType::u8, {3}},
                                               {"b", DType::bf16, {2}},
                                               {"a", DType::bf16, {1}},
                                               {"d", DType::f32, {}},
                                               {"e", DType::f16, {0, 4}}};
  const auto layout = lay_out_safetensors(tensors, {});
  ASSERT_TRUE(layout);
  const std::string text = text_of(*layout);
  EXPECT_EQ(
      text.substr(0, text.find_last_not_of(' ') + 1),
      R"({"d":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},)"
      R"("b":{"dtype":"BF16","shape":[2],"data_offsets":[6,10]},)"
      R"("e":{"dtype":"F16","shape":[0,4],"data_offsets":[10,10]},)"
      R"("c":{"dtype":"U8","shape":[3],"data_offsets":[10,13]}})");
  EXPECT_EQ(layout->header.size() % 8, 0u);
  const auto start = layout->header.size();
  EXPECT_EQ(layout->offsets, (std::vector<std::uint64_t>{start + 10, start + 6, start + 4, start, start + 10}));
  EXPECT_EQ(layout->file_size, start + 13);
}

TEST(SafetensorsWriter, KeepsAGivenOrder) {
  const std::vector<SafetensorsTensor> tensors{{"b", DType::u8, {3}}, {"a", DType::f32, {1}}};
  const auto layout = lay_out_safetensors(tensors, {}, SafetensorsOrder::given);
  ASSERT_TRUE(layout);
  EXPECT_EQ(layout->offsets, (std::vector<std::uint64_t>{layout->header.size(), layout->header.size() + 3}));
}

TEST(SafetensorsWriter, EscapesAsTheReferenceDoes) {
  const std::vector<SafetensorsTensor> tensors{{"a\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xa9", DType::u8, {1}}};
  const auto layout = lay_out_safetensors(tensors, {});
  ASSERT_TRUE(layout);
  EXPECT_EQ(text_of(*layout).substr(0, text_of(*layout).find(':')),
            "{\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xc3\xa9\"");
  const testing::WrittenFile written{"m.safetensors", layout->header + "x"};
  const auto read = read_safetensors_header(written.open());
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->tensors[0].name, tensors[0].name);
}

TEST(SafetensorsWriter, WritesAnEmptyFile) {
  const auto layout = lay_out_safetensors({}, {});
  ASSERT_TRUE(layout);
  EXPECT_EQ(text_of(*layout), "{}      ");
  EXPECT_EQ(layout->file_size, 16u);
}

TEST(SafetensorsWriter, RefusesWhatItCannotHold) {
  const std::vector<SafetensorsTensor> twice{{"a", DType::u8, {1}}, {"b", DType::u8, {1}}, {"a", DType::u8, {2}}};
  EXPECT_EQ(lay_out_safetensors(twice).error().subject, "a");
  const std::vector<SafetensorsTensor> reserved{{"__metadata__", DType::u8, {1}}};
  EXPECT_FALSE(lay_out_safetensors(reserved));
  const std::vector<SafetensorsTensor> huge{{"a", DType::u8, {std::int64_t{1} << 62}},
                                            {"b", DType::u8, {std::int64_t{1} << 62}}};
  EXPECT_FALSE(lay_out_safetensors(huge));
}

}  // namespace
}  // namespace weighbridge
