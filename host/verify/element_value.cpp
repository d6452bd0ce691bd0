#include "verify/element_value.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "engine/element.hpp"

namespace weighbridge {
namespace {

// What the bit patterns of a small float with all exponent bits set, or of negative zero, mean.
enum class Specials { none, infinities, last_is_nan, negative_zero_is_nan };

// A sign, exponent and mantissa of the given widths, as the Open Compute Project's formats and their variants have them.
double small_float(std::uint64_t bits, int exponent_bits, int mantissa_bits, int bias, Specials specials) {
  constexpr auto kNaN = std::numeric_limits<double>::quiet_NaN();
  const auto mantissa_range = std::uint64_t{1} << mantissa_bits;
  const auto mantissa = bits & (mantissa_range - 1);
  const auto exponent = static_cast<int>(bits >> mantissa_bits & ((std::uint64_t{1} << exponent_bits) - 1));
  const bool negative = (bits >> (mantissa_bits + exponent_bits) & 1) != 0;
  const bool top = exponent == (1 << exponent_bits) - 1;
  if (specials == Specials::infinities && top) {
    if (mantissa != 0) return kNaN;
    return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  }
  if (specials == Specials::last_is_nan && top && mantissa == mantissa_range - 1) return kNaN;
  if (specials == Specials::negative_zero_is_nan && negative && exponent == 0 && mantissa == 0) return kNaN;
  const auto digits = static_cast<double>(exponent == 0 ? mantissa : mantissa + mantissa_range);
  const auto magnitude = std::ldexp(digits, (exponent == 0 ? 1 : exponent) - bias - mantissa_bits);
  return negative ? -magnitude : magnitude;
}

}  // namespace

std::uint64_t element_bits(DType dtype, const std::byte* elements, std::int64_t index) {
  const auto width = bits(dtype);
  if (width >= 8) {
    const auto size = static_cast<std::size_t>(width / 8);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value |= std::to_integer<std::uint64_t>(elements[static_cast<std::size_t>(index) * size + i]) << (8 * i);
    return value;
  }
  std::uint64_t value = 0;
  for (int i = 0; i < width; ++i) {
    const auto bit = static_cast<std::size_t>(index * width + i);
    value |= (std::to_integer<std::uint64_t>(elements[bit / 8]) >> (bit % 8) & 1) << i;
  }
  return value;
}

std::optional<double> real_value(DType dtype, std::uint64_t bits) {
  switch (dtype) {
    case DType::f64: return std::bit_cast<double>(bits);
    case DType::f32: return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case DType::bf16: return f32_from_bf16(static_cast<std::uint16_t>(bits));
    case DType::f16: return f32_from_f16(static_cast<std::uint16_t>(bits));
    case DType::f8_e5m2: return small_float(bits, 5, 2, 15, Specials::infinities);
    case DType::f8_e4m3: return small_float(bits, 4, 3, 7, Specials::last_is_nan);
    case DType::f8_e5m2fnuz: return small_float(bits, 5, 2, 16, Specials::negative_zero_is_nan);
    case DType::f8_e4m3fnuz: return small_float(bits, 4, 3, 8, Specials::negative_zero_is_nan);
    case DType::f8_e8m0:
      if (bits == 255) return std::numeric_limits<double>::quiet_NaN();
      return std::ldexp(1.0, static_cast<int>(bits) - 127);
    case DType::f6_e2m3: return small_float(bits, 2, 3, 1, Specials::none);
    case DType::f6_e3m2: return small_float(bits, 3, 2, 3, Specials::none);
    case DType::f4: return small_float(bits, 2, 1, 1, Specials::none);
    default: return {};
  }
}

std::string element_text(DType dtype, std::uint64_t bits) {
  if (const auto value = real_value(dtype, bits)) {
    const auto digits = (weighbridge::bits(dtype) + 3) / 4;
    // Shortest digits that mean this value among those of its own type, not among doubles.
    if (dtype != DType::f64) return fmt::format("{} (0x{:0{}x})", static_cast<float>(*value), bits, digits);
    return fmt::format("{} (0x{:0{}x})", *value, bits, digits);
  }
  switch (dtype) {
    case DType::boolean: return bits == 0 ? "false" : bits == 1 ? "true" : fmt::format("0x{:02x}", bits);
    case DType::i8: return fmt::format("{}", static_cast<int>(static_cast<std::int8_t>(bits)));
    case DType::i16: return fmt::format("{}", static_cast<std::int16_t>(bits));
    case DType::i32: return fmt::format("{}", static_cast<std::int32_t>(bits));
    case DType::i64: return fmt::format("{}", static_cast<std::int64_t>(bits));
    case DType::c64:
      return fmt::format("{}{:+}j (0x{:016x})", std::bit_cast<float>(static_cast<std::uint32_t>(bits)),
                         std::bit_cast<float>(static_cast<std::uint32_t>(bits >> 32)), bits);
    default: return fmt::format("{}", bits);
  }
}

}  // namespace weighbridge
