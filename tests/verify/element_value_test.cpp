#include <gtest/gtest.h>

#include <cmath>

#include "verify/element_value.hpp"

namespace weighbridge {
namespace {

TEST(ElementValue, ReadsFloatsOfEveryWidth) {
  EXPECT_EQ(real_value(DType::bf16, 0x3fc0), 1.5);
  EXPECT_EQ(real_value(DType::f16, 0x3e00), 1.5);
  EXPECT_EQ(real_value(DType::f32, 0xc0000000), -2.0);
  EXPECT_EQ(real_value(DType::f8_e4m3, 0x7e), 448.0);
  EXPECT_TRUE(std::isnan(*real_value(DType::f8_e4m3, 0xff)));
  EXPECT_EQ(real_value(DType::f8_e5m2, 0x7b), 57344.0);
  EXPECT_TRUE(std::isinf(*real_value(DType::f8_e5m2, 0xfc)));
  EXPECT_EQ(real_value(DType::f8_e4m3fnuz, 0x7f), 240.0);
  EXPECT_TRUE(std::isnan(*real_value(DType::f8_e5m2fnuz, 0x80)));
  EXPECT_EQ(real_value(DType::f8_e8m0, 128), 2.0);
  EXPECT_EQ(real_value(DType::f6_e2m3, 0x1f), 7.5);
  EXPECT_EQ(real_value(DType::f6_e3m2, 0x1f), 28.0);
  EXPECT_EQ(real_value(DType::f4, 0x7), 6.0);
  EXPECT_EQ(real_value(DType::f4, 0x9), -0.5);
  EXPECT_FALSE(real_value(DType::i32, 1));
}

TEST(ElementValue, PicksElementsBelowAByte) {
  const std::byte nibbles[]{std::byte{0x21}, std::byte{0x43}};
  EXPECT_EQ(element_bits(DType::f4, nibbles, 0), 1u);
  EXPECT_EQ(element_bits(DType::f4, nibbles, 3), 4u);
  const std::byte six[]{std::byte{0x41}, std::byte{0x20}, std::byte{0x0c}};  // 1, 1, 2, 3
  EXPECT_EQ(element_bits(DType::f6_e2m3, six, 1), 1u);
  EXPECT_EQ(element_bits(DType::f6_e2m3, six, 2), 2u);
  EXPECT_EQ(element_bits(DType::f6_e2m3, six, 3), 3u);
}

TEST(ElementValue, WritesText) {
  EXPECT_EQ(element_text(DType::bf16, 0x8000), "-0 (0x8000)");
  EXPECT_EQ(element_text(DType::i8, 0xfd), "-3");
  EXPECT_EQ(element_text(DType::u64, ~std::uint64_t{0}), "18446744073709551615");
  EXPECT_EQ(element_text(DType::boolean, 1), "true");
}

}  // namespace
}  // namespace weighbridge
