// Conversions are judged by real values and, exhaustively, by a slow model that rounds with integers.
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "engine/element.hpp"
#include "engine/plain_execution.hpp"

namespace weighbridge {
namespace {

TEST(Element, RoundsToBf16AsIeeeSays) {
  EXPECT_EQ(bf16_from_f32(1.0f), 0x3f80);
  EXPECT_EQ(bf16_from_f32(-2.5f), 0xc020);
  EXPECT_EQ(bf16_from_f32(1.00390625f), 0x3f80);  // a tie goes to the even one below
  EXPECT_EQ(bf16_from_f32(1.01171875f), 0x3f82);  // and to the even one above
  EXPECT_EQ(bf16_from_f32(std::nextafter(1.00390625f, 2.0f)), 0x3f81);
  EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(bf16_from_f32(-0.0f), 0x8000);
  EXPECT_EQ(bf16_from_f32(std::numeric_limits<float>::infinity()), 0x7f80);
  EXPECT_EQ(bf16_from_f32(0x1p-133f), 0x0001);  // the smallest subnormal
  EXPECT_EQ(bf16_from_f32(0x1p-134f), 0x0000);
}

TEST(Element, RoundsToF16AsIeeeSays) {
  EXPECT_EQ(f16_from_f32(1.0f), 0x3c00);
  EXPECT_EQ(f16_from_f32(-1.5f), 0xbe00);
  EXPECT_EQ(f16_from_f32(65504.0f), 0x7bff);
  EXPECT_EQ(f16_from_f32(65519.996f), 0x7bff);
  EXPECT_EQ(f16_from_f32(65520.0f), 0x7c00);
  EXPECT_EQ(f16_from_f32(-1e30f), 0xfc00);
  EXPECT_EQ(f16_from_f32(0x1p-24f), 0x0001);
  EXPECT_EQ(f16_from_f32(0x1p-25f), 0x0000);  // a tie between 0 and the smallest subnormal
  EXPECT_EQ(f16_from_f32(0x1.000002p-25f), 0x0001);
  EXPECT_EQ(f16_from_f32(0x1.ff8p-15f), 0x03ff);  // the largest subnormal
  EXPECT_EQ(f16_from_f32(0x1.ffcp-15f), 0x0400);  // a tie: up to the smallest normal
  EXPECT_EQ(f16_from_f32(-0.0f), 0x8000);
}

TEST(Element, KeepsNans) {
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x7f800001u)), 0x7fc0);  // must not become infinity
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0xffc12345u)), 0xffc1);
  EXPECT_EQ(f16_from_f32(std::bit_cast<float>(0x7f800001u)), 0x7e00);
  EXPECT_EQ(f16_from_f32(std::bit_cast<float>(0xffffffffu)), 0xffff);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(f32_from_f16(0xfe01)), 0xffc02000u);
  EXPECT_EQ(f16_from_f64(std::numeric_limits<double>::quiet_NaN()), 0x7e00);
  EXPECT_EQ(bf16_from_f64(-std::numeric_limits<double>::quiet_NaN()), 0xffc0);
}

TEST(Element, WidensEveryHalf) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const auto f16 = plain_value(bits, DType::f16), bf16 = plain_value(bits, DType::bf16);
    if (std::isnan(f16))
      EXPECT_TRUE(std::isnan(f32_from_f16(half))) << bits;
    else
      EXPECT_EQ(std::bit_cast<std::uint64_t>(f16),
                std::bit_cast<std::uint64_t>(static_cast<double>(f32_from_f16(half))))
          << bits;
    if (std::isnan(bf16))
      EXPECT_TRUE(std::isnan(f32_from_bf16(half))) << bits;
    else
      EXPECT_EQ(std::bit_cast<std::uint64_t>(bf16),
                std::bit_cast<std::uint64_t>(static_cast<double>(f32_from_bf16(half))))
          << bits;
  }
}

// Every half, every middle between two, and the neighbours of those middles.
TEST(Element, RoundsAroundEveryHalf) {
  for (const auto dtype : {DType::f16, DType::bf16}) {
    const auto narrow32 = dtype == DType::f16 ? f16_from_f32 : bf16_from_f32;
    const auto narrow64 = dtype == DType::f16 ? f16_from_f64 : bf16_from_f64;
    const std::uint32_t infinity = dtype == DType::f16 ? 0x7c00 : 0x7f80;
    for (std::uint32_t bits = 0; bits < infinity - 1; ++bits) {
      const auto here = plain_value(bits, dtype), next = plain_value(bits + 1, dtype);
      const auto middle = here / 2 + next / 2;
      for (const double sign : {1.0, -1.0}) {
        for (const auto value : {here, middle, std::nextafter(middle, 0.0), std::nextafter(middle, 1e300)})
          ASSERT_EQ(narrow64(sign * value), plain_bits(sign * value, dtype)) << value;
        const auto single = static_cast<float>(middle);
        for (const auto value :
             {static_cast<float>(here), single, std::nextafter(single, 0.0f), std::nextafter(single, 1e38f)})
          ASSERT_EQ(narrow32(static_cast<float>(sign) * value), plain_bits(sign * value, dtype)) << value;
      }
    }
  }
}

TEST(Element, RoundsOnceFromDouble) {
  // Rounded to float first, this would become the tie 1 + 2^-11 and then 1.
  const double value = 1 + 0x1p-11 + 0x1p-40;
  EXPECT_EQ(f16_from_f32(static_cast<float>(value)), 0x3c00);
  EXPECT_EQ(f16_from_f64(value), 0x3c01);
  EXPECT_EQ(f16_from_f64(1e300), 0x7c00);
  EXPECT_EQ(bf16_from_f64(0x1.fffp127), 0x7f80);
  EXPECT_EQ(bf16_from_f64(-1e-300), 0x8000);
}

TEST(Element, RoundsRandomFloatsAsTheModelDoes) {
  std::mt19937 random{7};
  for (int i = 0; i < 200000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnan(value)) continue;
    ASSERT_EQ(f16_from_f32(value), plain_bits(value, DType::f16)) << value;
    ASSERT_EQ(bf16_from_f32(value), plain_bits(value, DType::bf16)) << value;
  }
}

template <class To, class From>
std::vector<To> converted(ElementOperation operation, double constant, DType source, DType target,
                          const std::vector<From>& from) {
  const auto element = Element::make(operation, constant, source, target);
  EXPECT_TRUE(element);
  std::vector<To> to(from.size());
  element->convert(reinterpret_cast<const std::byte*>(from.data()), reinterpret_cast<std::byte*>(to.data()),
                   from.size());
  return to;
}

TEST(Element, ConvertsRuns) {
  using F = std::vector<float>;
  using D = std::vector<double>;
  using H = std::vector<std::uint16_t>;
  const auto cast = ElementOperation::cast;
  EXPECT_EQ((converted<float>(cast, 0, DType::bf16, DType::f32, H{0x3f80, 0xc020})), (F{1, -2.5}));
  EXPECT_EQ((converted<std::uint16_t>(cast, 0, DType::f32, DType::f16, F{1, -1.5})), (H{0x3c00, 0xbe00}));
  EXPECT_EQ((converted<std::uint16_t>(cast, 0, DType::f16, DType::bf16, H{0x3c00, 0x0001})), (H{0x3f80, 0x3380}));
  EXPECT_EQ((converted<double>(cast, 0, DType::f16, DType::f64, H{0x3c01})), (D{1.0009765625}));
  EXPECT_EQ((converted<float>(cast, 0, DType::f64, DType::f32, D{0.1})), (F{0.1f}));
  EXPECT_EQ((converted<std::uint16_t>(cast, 0, DType::f64, DType::f16, D{1 + 0x1p-11 + 0x1p-40})), (H{0x3c01}));

  const auto add = ElementOperation::add_constant;
  EXPECT_EQ((converted<std::uint16_t>(add, 1, DType::bf16, DType::bf16, H{0x3f80, 0xbf80})), (H{0x4000, 0x0000}));
  // In float, 2^-8 survives beside 1 until the one rounding to bf16, where 1 + 2^-8 is a tie that goes down.
  EXPECT_EQ((converted<std::uint16_t>(add, 1, DType::f32, DType::bf16, F{0x1p-8f, 0x1.8p-8f})), (H{0x3f80, 0x3f81}));
  EXPECT_EQ((converted<double>(add, 0.1, DType::f64, DType::f64, D{1})), (D{1.1}));
  EXPECT_EQ((converted<float>(add, -1, DType::f32, DType::f32, F{1.5f})), (F{0.5f}));

  const std::vector<float> many(10001, 3.0f);  // more than one piece
  EXPECT_EQ((converted<std::uint16_t>(cast, 0, DType::f32, DType::bf16, many)), H(10001, 0x4040));
}

TEST(Element, GivesTheSameBitsWithAnyInstructions) {
  std::mt19937 random{11};
  std::vector<std::uint32_t> words(20000);
  for (auto& word : words) word = static_cast<std::uint32_t>(random());  // NaNs, infinities and subnormals included
  const auto* source = reinterpret_cast<const std::byte*>(words.data());
  constexpr DType kFloats[] = {DType::f16, DType::bf16, DType::f32, DType::f64};
  for (const auto from : kFloats)
    for (const auto to : kFloats)
      for (const auto operation : {ElementOperation::cast, ElementOperation::add_constant}) {
        const auto element = Element::make(operation, 0.75, from, to);
        ASSERT_TRUE(element);
        if (element->moves_bits()) continue;
        const std::size_t count = 9999;
        std::vector<std::byte> best(count * 8), portable(count * 8);
        element->convert(source, best.data(), count);
        element->convert(source, portable.data(), count, Instructions::portable);
        EXPECT_EQ(best, portable) << to_string(from) << " to " << to_string(to);
        EXPECT_NE(best, std::vector<std::byte>(count * 8));
      }
}

TEST(Element, KeepsWholeNumbers) {
  const std::vector<std::int64_t> wide{0, -1, 255, 2147483647, -2147483648, 2147483648, std::numeric_limits<std::int64_t>::min()};
  const auto narrowing = Element::make(ElementOperation::cast, 0, DType::i64, DType::i32);
  ASSERT_TRUE(narrowing);
  EXPECT_FALSE(narrowing->moves_bits());
  std::vector<std::int32_t> narrow(wide.size());
  narrowing->convert(reinterpret_cast<const std::byte*>(wide.data()), reinterpret_cast<std::byte*>(narrow.data()), wide.size());
  constexpr auto kLeast = std::numeric_limits<std::int32_t>::min(), kMost = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(narrow, (std::vector<std::int32_t>{0, -1, 255, kMost, kLeast, kMost, kLeast}));
  const auto widening = Element::make(ElementOperation::cast, 0, DType::i32, DType::i64);
  ASSERT_TRUE(widening);
  std::vector<std::int64_t> back(wide.size());
  widening->convert(reinterpret_cast<const std::byte*>(narrow.data()), reinterpret_cast<std::byte*>(back.data()), back.size());
  EXPECT_EQ(back, (std::vector<std::int64_t>{0, -1, 255, kMost, kLeast, kMost, kLeast}));
  EXPECT_FALSE(Element::make(ElementOperation::add_constant, 1, DType::i64, DType::i32));
}

TEST(Element, MovesBitsOfEqualWidthOnly) {
  const auto same = Element::make(ElementOperation::none, 0, DType::f8_e4m3, DType::u8);
  ASSERT_TRUE(same);
  EXPECT_TRUE(same->moves_bits());
  const auto cast = Element::make(ElementOperation::cast, 0, DType::i64, DType::i64);
  ASSERT_TRUE(cast);
  EXPECT_TRUE(cast->moves_bits());
  const auto refused = Element::make(ElementOperation::cast, 0, DType::i32, DType::f32);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().problem, "F32 elements cannot be made from I32");
  EXPECT_FALSE(Element::make(ElementOperation::add_constant, 1, DType::u8, DType::u8));
  EXPECT_FALSE(Element::make(ElementOperation::none, 0, DType::f32, DType::f16));
}

}  // namespace
}  // namespace weighbridge
