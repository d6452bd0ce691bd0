#include "engine/block_codec.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weighbridge {
namespace {

std::byte operator""_b(unsigned long long value) { return static_cast<std::byte>(value); }

TEST(BlockCodec, GivesEveryCodeBack) {
  for (int code = 0; code < 256; ++code) {
    const auto value = decoded_value(Codec::fp8_e4m3, static_cast<std::uint8_t>(code), 0.375F);
    if (std::isnan(value)) continue;
    EXPECT_EQ(encode_value(Codec::fp8_e4m3, value, 0.375F), code);
  }
  for (const auto codec : {Codec::mxfp4, Codec::int4})
    for (int code = 0; code < 16; ++code)
      EXPECT_EQ(encode_value(codec, decoded_value(codec, static_cast<std::uint8_t>(code), 0.25F), 0.25F), code) << to_string(codec);
}

TEST(BlockCodec, RoundsAsPublished) {
  const auto fp8 = [](float value) { return decoded_value(Codec::fp8_e4m3, encode_value(Codec::fp8_e4m3, value, 1), 1); };
  EXPECT_EQ(fp8(1.0625F), 1);           // half way between 1 and 1.125: to even
  EXPECT_EQ(fp8(1.1875F), 1.25F);       // half way between 1.125 and 1.25: to even
  EXPECT_EQ(fp8(0.0009765625F), 0);     // half of the smallest: to even
  EXPECT_EQ(fp8(0.0029296875F), 0.00390625F);
  EXPECT_EQ(fp8(-1000), -448);
  EXPECT_EQ(fp8(0.0154F), 0.015625F);   // up into the normal ones
  const auto fp4 = [](float value) { return decoded_value(Codec::mxfp4, encode_value(Codec::mxfp4, value, 1), 1); };
  EXPECT_EQ(fp4(0.25F), 0);
  EXPECT_EQ(fp4(0.7500001F), 1);
  EXPECT_EQ(fp4(-5), -4);               // ties go to the smaller magnitude
  EXPECT_EQ(fp4(100), 6);
  const auto int4 = [](float value) { return decoded_value(Codec::int4, encode_value(Codec::int4, value, 1), 1); };
  EXPECT_EQ(int4(2.5F), 2);
  EXPECT_EQ(int4(3.5F), 4);
  EXPECT_EQ(int4(-9), -8);
}

TEST(BlockCodec, KnowsTheScaleTypes) {
  const std::array<std::byte, 4> one_and_a_half{0x00_b, 0x00_b, 0xC0_b, 0x3F_b};
  EXPECT_EQ(scale_from_bytes(DType::f32, one_and_a_half.data()), 1.5F);
  EXPECT_EQ(scale_from_bytes(DType::bf16, one_and_a_half.data() + 2), 1.5F);
  const std::array<std::byte, 4> exponents{127_b, 120_b, 0_b, 255_b};
  EXPECT_EQ(scale_from_bytes(DType::f8_e8m0, &exponents[0]), 1);
  EXPECT_EQ(scale_from_bytes(DType::u8, &exponents[1]), 0.0078125F);
  EXPECT_EQ(scale_from_bytes(DType::u8, &exponents[2]), std::ldexp(1.0F, -127));
  EXPECT_TRUE(std::isnan(scale_from_bytes(DType::u8, &exponents[3])));
  std::byte byte{};
  scale_to_bytes(0.0078125F, DType::u8, &byte);
  EXPECT_EQ(byte, 120_b);
}

TEST(BlockCodec, ChoosesScales) {
  EXPECT_EQ(nearest_scale(Codec::fp8_e4m3, 896, DType::f32), 2);
  EXPECT_EQ(nearest_scale(Codec::fp8_e4m3, 900, DType::f8_e8m0), 4);
  EXPECT_EQ(nearest_scale(Codec::fp8_e4m3, 0, DType::f32), 1);
  EXPECT_EQ(nearest_scale(Codec::mxfp4, 6, DType::u8), 1);
  EXPECT_EQ(nearest_scale(Codec::mxfp4, 6.1F, DType::u8), 2);
  EXPECT_EQ(nearest_scale(Codec::int4, 14, DType::bf16), 2);
}

TEST(BlockCodec, SeesWhetherABlockHasChanged) {
  const float scale = 0.0371F;
  std::array<float, 8> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {  // as bfloat16 holds them
    const auto exact = decoded_value(Codec::fp8_e4m3, static_cast<std::uint8_t>(0x30 + 3 * i), scale);
    auto bits = std::bit_cast<std::uint32_t>(exact);
    bits += 0x7FFF + ((bits >> 16) & 1);
    values[i] = std::bit_cast<float>(bits & 0xFFFF0000);
  }
  EXPECT_TRUE(gives_back(Codec::fp8_e4m3, values.data(), 2, 3, 4, scale, DType::bf16));
  EXPECT_FALSE(gives_back(Codec::fp8_e4m3, values.data(), 2, 3, 4, scale, DType::f32));
  values[5] *= 1.0078125F;
  EXPECT_FALSE(gives_back(Codec::fp8_e4m3, values.data(), 2, 3, 4, scale, DType::bf16));
  EXPECT_TRUE(gives_back(Codec::fp8_e4m3, values.data(), 1, 3, 4, scale, DType::bf16));
}

}  // namespace
}  // namespace weighbridge
