#include "engine/element.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <string>

#include <fmt/format.h>

namespace weighbridge {
namespace {

// Elements are widened, computed and narrowed in pieces of this many, which stay in the first-level cache.
constexpr std::size_t kPiece = 512;

bool floating(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

// Double to float so that a second rounding, to a format of at most 22 significant bits, gives what one would: the
// last bit of an inexact result is set ("round to odd").
float sticky_f32(double value) {
  const auto nearest = static_cast<float>(value);
  if (!(static_cast<double>(nearest) != value) || nearest != nearest) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  const bool away = (static_cast<double>(nearest) < 0 ? -static_cast<double>(nearest) : static_cast<double>(nearest)) >
                    (value < 0 ? -value : value);
  if (away) --bits;  // towards zero; from infinity to the largest finite value
  return std::bit_cast<float>(bits | 1);
}

template <class Stored, class Real, class Widen>
void widen(const std::byte* source, Real* target, std::size_t count, Widen one) {
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, source + i * sizeof(Stored), sizeof(Stored));
    target[i] = static_cast<Real>(one(stored));
  }
}

template <class Stored, class Real, class Narrow>
void narrow(const Real* source, std::byte* target, std::size_t count, Narrow one) {
  for (std::size_t i = 0; i < count; ++i) {
    const Stored stored = one(source[i]);
    std::memcpy(target + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

template <class Real>
void load(DType dtype, const std::byte* source, Real* target, std::size_t count) {
  if (dtype == DType::f16) return widen<std::uint16_t>(source, target, count, f32_from_f16);
  if (dtype == DType::bf16) return widen<std::uint16_t>(source, target, count, f32_from_bf16);
  if (dtype == DType::f32) return widen<float>(source, target, count, [](float value) { return value; });
  widen<double>(source, target, count, [](double value) { return value; });
}

void store(DType dtype, const float* source, std::byte* target, std::size_t count) {
  if (dtype == DType::f16) return narrow<std::uint16_t>(source, target, count, f16_from_f32);
  if (dtype == DType::bf16) return narrow<std::uint16_t>(source, target, count, bf16_from_f32);
  narrow<float>(source, target, count, [](float value) { return value; });
}

void store(DType dtype, const double* source, std::byte* target, std::size_t count) {
  if (dtype == DType::f16) return narrow<std::uint16_t>(source, target, count, f16_from_f64);
  if (dtype == DType::bf16) return narrow<std::uint16_t>(source, target, count, bf16_from_f64);
  if (dtype == DType::f32)
    return narrow<float>(source, target, count, [](double value) { return static_cast<float>(value); });
  narrow<double>(source, target, count, [](double value) { return value; });
}

template <class Real>
void compute(const std::byte* source, DType source_dtype, std::byte* target, DType target_dtype, std::size_t count,
             bool add, double constant) {
  const auto source_width = static_cast<std::size_t>(bits(source_dtype) / 8);
  const auto target_width = static_cast<std::size_t>(bits(target_dtype) / 8);
  std::array<Real, kPiece> values;
  for (std::size_t begin = 0; begin < count; begin += kPiece) {
    const auto piece = std::min(kPiece, count - begin);
    load(source_dtype, source + begin * source_width, values.data(), piece);
    if (add)
      for (std::size_t i = 0; i < piece; ++i) values[i] += static_cast<Real>(constant);
    store(target_dtype, values.data(), target + begin * target_width, piece);
  }
}

}  // namespace

// All branches of the four below are selections, so that the loops above become vector code.

float f32_from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

std::uint16_t bf16_from_f32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

float f32_from_f16(std::uint16_t half) {
  const std::uint32_t magnitude = std::uint32_t{half} & 0x7fffu;
  // Exact, subnormals included: the exponent's bias differs by 112.
  const auto finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f);
  const std::uint32_t quiet = magnitude > 0x7c00u ? 0x400000u : 0u;
  const std::uint32_t special = (magnitude << 13) | 0x7f800000u | quiet;
  return std::bit_cast<float>((magnitude >= 0x7c00u ? special : finite) | (std::uint32_t{half} & 0x8000u) << 16);
}

std::uint16_t f16_from_f32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  // Adding 0.5 to a value below 2^-14 leaves its multiple of 2^-24, rounded, in the last bits of the sum.
  const std::uint32_t small = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  const std::uint32_t normal = (magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const std::uint32_t nan = 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  std::uint32_t half = magnitude < 0x38800000u ? small : normal;
  half = magnitude >= 0x477ff000u ? 0x7c00u : half;  // 65520 and above round to infinity
  half = magnitude > 0x7f800000u ? nan : half;
  return static_cast<std::uint16_t>(half | (bits >> 16 & 0x8000u));
}

std::uint16_t bf16_from_f64(double value) { return bf16_from_f32(sticky_f32(value)); }
std::uint16_t f16_from_f64(double value) { return f16_from_f32(sticky_f32(value)); }

Element::Element(ElementOperation operation, double constant, DType source, DType target, bool moves_bits) noexcept
    : operation_{operation}, constant_{constant}, source_{source}, target_{target}, moves_bits_{moves_bits} {}

Result<Element> Element::make(ElementOperation operation, double constant, DType source, DType target) {
  if (operation == ElementOperation::none || (operation == ElementOperation::cast && source == target)) {
    if (bits(source) == bits(target)) return Element{ElementOperation::none, 0, source, target, true};
  } else if (floating(source) && floating(target)) {
    return Element{operation, constant, source, target, false};
  }
  return Error{Error::Kind::unsupported, "", "",
               fmt::format("{} elements cannot be made from {}", to_string(target), to_string(source)),
               "Ask for a data type that the source has, or one of F16, BF16, F32 and F64"};
}

void Element::convert(const std::byte* source, std::byte* target, std::size_t count) const {
  assert(!moves_bits_);
  const bool add = operation_ == ElementOperation::add_constant;
  if (source_ == DType::f64 || target_ == DType::f64)
    compute<double>(source, source_, target, target_, count, add, constant_);
  else
    compute<float>(source, source_, target, target_, count, add, constant_);
}

}  // namespace weighbridge
