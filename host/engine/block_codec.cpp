#include "engine/block_codec.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "engine/element.hpp"

namespace weighbridge {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kLargestFp8 = 448, kLargestFp4 = 6, kLargestInt4 = 7;

// 2 to the power of `exponent`, -149 to 127.
constexpr float power_of_two(int exponent) {
  if (exponent >= -126) return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
  return std::bit_cast<float>(std::uint32_t{1} << (exponent + 149));
}

constexpr std::array<float, 256> fp8_table() {
  std::array<float, 256> table{};
  for (int code = 0; code < 256; ++code) {
    const int exponent = (code >> 3) & 15, mantissa = code & 7;
    float value = exponent == 0 ? static_cast<float>(mantissa) * power_of_two(-9)
                                : (1 + static_cast<float>(mantissa) / 8) * power_of_two(exponent - 7);
    if (exponent == 15 && mantissa == 7) value = kNaN;
    table[static_cast<std::size_t>(code)] = (code & 128) != 0 ? -value : value;
  }
  return table;
}
constexpr auto kFp8 = fp8_table();
constexpr std::array<float, 16> kFp4{0.0F, 0.5F, 1, 1.5F, 2, 3, 4, 6, -0.0F, -0.5F, -1, -1.5F, -2, -3, -4, -6};
constexpr std::array<float, 16> kInt4{-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};

std::uint8_t fp8_from(float value) {
  const auto sign = static_cast<std::uint8_t>(std::signbit(value) ? 128 : 0);
  const auto magnitude = std::fabs(value);
  if (std::isnan(value)) return sign | 0x7F;
  if (magnitude >= kLargestFp8) return sign | 0x7E;
  if (magnitude < power_of_two(-6)) {  // the sum's last place is the smallest code's value: the adder rounds
    constexpr float kShift = power_of_two(14);
    const auto sum = std::bit_cast<std::uint32_t>(magnitude + kShift) - std::bit_cast<std::uint32_t>(kShift);
    return sign | static_cast<std::uint8_t>(sum);
  }
  auto bits = std::bit_cast<std::uint32_t>(magnitude);
  bits += 0x7FFFF + ((bits >> 20) & 1);  // to nearest, ties to even, at three bits of mantissa
  return sign | static_cast<std::uint8_t>((bits >> 20) - ((127U - 7U) << 3));
}

std::uint8_t fp4_from(float value) {
  static constexpr std::array<float, 7> kBounds{0.25F, 0.75F, 1.25F, 1.75F, 2.5F, 3.5F, 5};
  const auto magnitude = std::fabs(value);
  std::uint8_t code = 0;
  while (code < kBounds.size() && magnitude > kBounds[code]) ++code;
  return std::signbit(value) ? code | 8 : code;
}

std::uint8_t int4_from(float value) {
  return static_cast<std::uint8_t>(static_cast<int>(std::clamp(std::nearbyint(value), -8.0F, 7.0F)) + 8);
}

float code_value(Codec codec, std::uint8_t code) {
  return codec == Codec::fp8_e4m3 ? kFp8[code] : codec == Codec::mxfp4 ? kFp4[code] : kInt4[code];
}

float rounded_to(DType held, float value) {
  if (held == DType::bf16) return f32_from_bf16(bf16_from_f32(value));
  if (held == DType::f16) return f32_from_f16(f16_from_f32(value));
  return value;
}

bool is_exponent(DType type) { return type == DType::f8_e8m0 || type == DType::u8; }

// The smallest power of two that is not below `scale`, of those that a byte can name.
int exponent_above(float scale) {
  int exponent = 0;
  const auto fraction = std::frexp(scale, &exponent);
  return std::clamp(fraction == 0.5F ? exponent - 1 : exponent, -127, 127);
}

}  // namespace

std::size_t scale_bytes(DType type) { return static_cast<std::size_t>(bits(type)) / 8; }

float scale_from_bytes(DType type, const std::byte* bytes) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes, scale_bytes(type));
  if (type == DType::f32) return std::bit_cast<float>(word);
  if (type == DType::bf16) return f32_from_bf16(static_cast<std::uint16_t>(word));
  if (type == DType::f16) return f32_from_f16(static_cast<std::uint16_t>(word));
  return word == 255 ? kNaN : power_of_two(static_cast<int>(word) - 127);
}

void scale_to_bytes(float scale, DType type, std::byte* bytes) {
  auto word = std::bit_cast<std::uint32_t>(scale);
  if (type == DType::bf16) word = bf16_from_f32(scale);
  if (type == DType::f16) word = f16_from_f32(scale);
  if (is_exponent(type)) word = std::isnan(scale) ? 255 : static_cast<std::uint32_t>(exponent_above(scale) + 127);
  std::memcpy(bytes, &word, scale_bytes(type));
}

float decoded_value(Codec codec, std::uint8_t code, float scale) { return code_value(codec, code) * scale; }

std::uint8_t encode_value(Codec codec, float value, float scale) {
  const auto scaled = value / scale;
  return codec == Codec::fp8_e4m3 ? fp8_from(scaled) : codec == Codec::mxfp4 ? fp4_from(scaled) : int4_from(scaled);
}

float nearest_scale(Codec codec, float largest, DType type) {
  const auto range = codec == Codec::fp8_e4m3 ? kLargestFp8 : codec == Codec::mxfp4 ? kLargestFp4 : kLargestInt4;
  auto scale = codec == Codec::int4 ? std::max(largest / range, 1e-10F) : largest == 0 ? 1.0F : largest / range;
  if (is_exponent(type)) return power_of_two(exponent_above(scale));
  std::array<std::byte, 4> held{};
  scale_to_bytes(scale, type, held.data());
  return scale_from_bytes(type, held.data());
}

bool gives_back(Codec codec, const float* values, std::int64_t rows, std::int64_t columns, std::int64_t pitch, float scale, DType held) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column) {
      const auto value = values[row * pitch + column];
      const auto back = rounded_to(held, code_value(codec, encode_value(codec, value, scale)) * scale);
      const bool same = std::isnan(value) ? std::isnan(back) : std::bit_cast<std::uint32_t>(back) == std::bit_cast<std::uint32_t>(value);
      if (!same) return false;
    }
  return true;
}

}  // namespace weighbridge
