#include "engine/block_decoder.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/block_codec.hpp"
#include "engine/element.hpp"

namespace weighbridge {
namespace {

using testing::ElementsAre;

std::byte operator""_b(unsigned long long value) { return static_cast<std::byte>(value); }

template <std::size_t N>
std::array<float, N> decoded(Codec codec, std::initializer_list<std::byte> codes, std::size_t skip, float scale) {
  std::array<float, N> values{};
  decode_row(codec, std::data(codes), skip, N, {&scale, N, 0}, DType::f32, reinterpret_cast<std::byte*>(values.data()));
  return values;
}

TEST(BlockDecoder, DecodesFp8) {
  // 1 0000 001: -2^-9; 0 0001 000: 2^-6; 0 0111 000: 1; 0 1000 011: 2.75; 0 1111 110: 448.
  EXPECT_THAT(decoded<6>(Codec::fp8_e4m3, {0x00_b, 0x81_b, 0x08_b, 0x38_b, 0x43_b, 0x7E_b}, 0, 2),
              ElementsAre(0, -0.00390625F, 0.03125F, 2, 5.5F, 896));
  EXPECT_TRUE(std::isnan(decoded<1>(Codec::fp8_e4m3, {0x7F_b}, 0, 1)[0]));
  EXPECT_TRUE(std::isnan(decoded<1>(Codec::fp8_e4m3, {0xFF_b}, 0, 1)[0]));
  EXPECT_TRUE(std::signbit(decoded<1>(Codec::fp8_e4m3, {0x80_b}, 0, 1)[0]));
}

TEST(BlockDecoder, DecodesHalfBytesLowFirst) {
  EXPECT_THAT(decoded<4>(Codec::mxfp4, {0x21_b, 0xF7_b}, 0, 1), ElementsAre(0.5F, 1, 6, -6));
  EXPECT_THAT(decoded<3>(Codec::mxfp4, {0x21_b, 0xF7_b}, 1, 2), ElementsAre(2, 12, -12));
  EXPECT_THAT(decoded<4>(Codec::int4, {0x80_b, 0xF9_b}, 0, 0.5F), ElementsAre(-4, 0, 0.5F, 3.5F));
}

// Every code, at every length and beginning, under scales that change every 48 values, equals what one code at a time gives, rounded once.
TEST(BlockDecoder, ManyAtATimeAreAsOneByOne) {
  constexpr std::size_t kBlock = 48;
  std::vector<std::byte> codes(1400);
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::byte>(i * 37 % 256);
  std::vector<float> scales(40);
  for (std::size_t i = 0; i < scales.size(); ++i) scales[i] = 0.0123F * static_cast<float>(i + 1);
  for (const auto codec : {Codec::fp8_e4m3, Codec::mxfp4, Codec::int4})
    for (const auto instructions : {Instructions::best, Instructions::portable})
      for (const std::size_t count : {1, 7, 64, 511, 512, 513, 1311})
        for (const std::size_t begin : {0, 5, 48, 100})
          for (const std::size_t skip : {0, 1}) {
            if (codec == Codec::fp8_e4m3 && skip == 1) continue;
            std::vector<std::byte> floats(count * 4), halves(count * 2), bf16s(count * 2);
            const RowScales row{scales.data(), kBlock, begin};
            decode_row(codec, codes.data(), skip, count, row, DType::f32, floats.data(), instructions);
            decode_row(codec, codes.data(), skip, count, row, DType::f16, halves.data(), instructions);
            decode_row(codec, codes.data(), skip, count, row, DType::bf16, bf16s.data(), instructions);
            for (std::size_t i = 0; i < count; ++i) {
              const auto byte = static_cast<std::uint8_t>(codes[codec == Codec::fp8_e4m3 ? i : (i + skip) / 2]);
              const auto code = codec == Codec::fp8_e4m3 ? byte : static_cast<std::uint8_t>((i + skip) % 2 == 0 ? byte & 15 : byte >> 4);
              const auto expected = decoded_value(codec, code, scales[(begin + i) / kBlock]);
              std::uint32_t single{};
              std::uint16_t half{}, bf16{};
              std::memcpy(&single, floats.data() + i * 4, 4);
              std::memcpy(&half, halves.data() + i * 2, 2);
              std::memcpy(&bf16, bf16s.data() + i * 2, 2);
              ASSERT_EQ(single, std::bit_cast<std::uint32_t>(expected)) << to_string(codec) << " code " << int{code};
              ASSERT_EQ(half, f16_from_f32(expected)) << to_string(codec) << " code " << int{code};
              ASSERT_EQ(bf16, bf16_from_f32(expected)) << to_string(codec) << " code " << int{code};
            }
          }
}

}  // namespace
}  // namespace weighbridge
