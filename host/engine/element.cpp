#include "engine/element.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace weighbridge {
namespace {

// Elements are widened, computed and narrowed in pieces of this many, which stay in the first-level cache.
constexpr std::size_t kPiece = 512;

bool floating(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

bool whole_numbers(DType dtype) { return dtype == DType::i32 || dtype == DType::i64; }

// A number that the narrower type lacks becomes its nearest.
template <class From, class To>
void convert_whole(const std::byte* source, std::byte* target, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, source + i * sizeof(From), sizeof(From));
    const auto to = static_cast<To>(std::clamp<std::int64_t>(from, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
    std::memcpy(target + i * sizeof(To), &to, sizeof(To));
  }
}

// These four are inlined, and all their branches are selections, so that the loops below become vector code.

[[gnu::always_inline]] inline float bf16_widened(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

[[gnu::always_inline]] inline std::uint16_t bf16_rounded(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

[[gnu::always_inline]] inline float f16_widened(std::uint16_t half) {
  const std::uint32_t magnitude = std::uint32_t{half} & 0x7fffu;
  // Exact, subnormals included: the exponent's bias differs by 112.
  const auto finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude << 13) * 0x1p112f);
  const std::uint32_t quiet = magnitude > 0x7c00u ? 0x400000u : 0u;
  const std::uint32_t special = (magnitude << 13) | 0x7f800000u | quiet;
  return std::bit_cast<float>((magnitude >= 0x7c00u ? special : finite) | (std::uint32_t{half} & 0x8000u) << 16);
}

[[gnu::always_inline]] inline std::uint16_t f16_rounded(float value) {
  const auto bits = std::bit_cast<std::int32_t>(value);
  const std::int32_t magnitude = bits & 0x7fffffff;
  // Adding 0.5 to a value below 2^-14 leaves its multiple of 2^-24, rounded, in the last bits of the sum.
  const std::int32_t small = std::bit_cast<std::int32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000;
  const std::int32_t normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  const std::int32_t nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  std::int32_t half = magnitude < 0x38800000 ? small : normal;
  half = magnitude >= 0x477ff000 ? 0x7c00 : half;  // 65520 and above round to infinity
  half = magnitude > 0x7f800000 ? nan : half;
  return static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000));
}

// Double to float so that a second rounding, to a format of at most 22 significant bits, gives what one would: the
// last bit of an inexact result is set ("round to odd").
[[gnu::always_inline]] inline float sticky_f32(double value) {
  const auto nearest = static_cast<float>(value);
  if (!(static_cast<double>(nearest) != value) || nearest != nearest) return nearest;
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  const bool away = (static_cast<double>(nearest) < 0 ? -static_cast<double>(nearest) : static_cast<double>(nearest)) >
                    (value < 0 ? -value : value);
  if (away) --bits;  // towards zero; from infinity to the largest finite value
  return std::bit_cast<float>(bits | 1);
}

template <class Stored, class Real, class Widen>
[[gnu::always_inline]] inline void widen(const std::byte* source, Real* target, std::size_t count, Widen one) {
  for (std::size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, source + i * sizeof(Stored), sizeof(Stored));
    target[i] = static_cast<Real>(one(stored));
  }
}

template <class Stored, class Real, class Narrow>
[[gnu::always_inline]] inline void narrow(const Real* source, std::byte* target, std::size_t count, Narrow one) {
  for (std::size_t i = 0; i < count; ++i) {
    const Stored stored = one(source[i]);
    std::memcpy(target + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

template <class Real>
[[gnu::always_inline]] inline void load(DType dtype, const std::byte* source, Real* target, std::size_t count) {
  if (dtype == DType::f16)
    widen<std::uint16_t>(source, target, count, [](std::uint16_t bits) { return f16_widened(bits); });
  else if (dtype == DType::bf16)
    widen<std::uint16_t>(source, target, count, [](std::uint16_t bits) { return bf16_widened(bits); });
  else if (dtype == DType::f32)
    widen<float>(source, target, count, [](float value) { return value; });
  else
    widen<double>(source, target, count, [](double value) { return value; });
}

[[gnu::always_inline]] inline void store(DType dtype, const float* source, std::byte* target, std::size_t count) {
  if (dtype == DType::f16)
    narrow<std::uint16_t>(source, target, count, [](float value) { return f16_rounded(value); });
  else if (dtype == DType::bf16)
    narrow<std::uint16_t>(source, target, count, [](float value) { return bf16_rounded(value); });
  else
    narrow<float>(source, target, count, [](float value) { return value; });
}

[[gnu::always_inline]] inline void store(DType dtype, const double* source, std::byte* target, std::size_t count) {
  if (dtype == DType::f16)
    narrow<std::uint16_t>(source, target, count, [](double value) { return f16_rounded(sticky_f32(value)); });
  else if (dtype == DType::bf16)
    narrow<std::uint16_t>(source, target, count, [](double value) { return bf16_rounded(sticky_f32(value)); });
  else if (dtype == DType::f32)
    narrow<float>(source, target, count, [](double value) { return static_cast<float>(value); });
  else
    narrow<double>(source, target, count, [](double value) { return value; });
}

// Everything that one run of elements needs to know.
struct Computation {
  DType source, target;
  bool add;
  double constant;
};

template <class Real>
[[gnu::always_inline]] inline void compute_in(const Computation& how, const std::byte* source, std::byte* target,
                                              std::size_t count) {
  const auto source_width = static_cast<std::size_t>(bits(how.source) / 8);
  const auto target_width = static_cast<std::size_t>(bits(how.target) / 8);
  std::array<Real, kPiece> values;
  for (std::size_t begin = 0; begin < count; begin += kPiece) {
    const auto piece = std::min(kPiece, count - begin);
    load(how.source, source + begin * source_width, values.data(), piece);
    if (how.add)
      for (std::size_t i = 0; i < piece; ++i) values[i] += static_cast<Real>(how.constant);
    store(how.target, values.data(), target + begin * target_width, piece);
  }
}

[[gnu::always_inline]] inline void compute_inlined(const Computation& how, const std::byte* source, std::byte* target,
                                                   std::size_t count) {
  if (how.source == DType::f64 || how.target == DType::f64)
    compute_in<double>(how, source, target, count);
  else
    compute_in<float>(how, source, target, count);
}

// The same code for the instructions that every machine has and for those that most have. The bits are the same: only
// exact steps and correctly rounded ones occur.
void compute_anywhere(const Computation& how, const std::byte* source, std::byte* target, std::size_t count) {
  compute_inlined(how, source, target, count);
}
#if defined(__x86_64__)
[[gnu::target("avx2")]] void compute_avx2(const Computation& how, const std::byte* source, std::byte* target,
                                          std::size_t count) {
  compute_inlined(how, source, target, count);
}
bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
#else
constexpr auto compute_avx2 = compute_anywhere;
bool has_avx2() { return false; }
#endif

}  // namespace

float f32_from_bf16(std::uint16_t bits) { return bf16_widened(bits); }
float f32_from_f16(std::uint16_t bits) { return f16_widened(bits); }
std::uint16_t bf16_from_f32(float value) { return bf16_rounded(value); }
std::uint16_t f16_from_f32(float value) { return f16_rounded(value); }
std::uint16_t bf16_from_f64(double value) { return bf16_rounded(sticky_f32(value)); }
std::uint16_t f16_from_f64(double value) { return f16_rounded(sticky_f32(value)); }

Element::Element(ElementOperation operation, double constant, DType source, DType target, bool moves_bits) noexcept
    : operation_{operation}, constant_{constant}, source_{source}, target_{target}, moves_bits_{moves_bits} {}

Result<Element> Element::make(ElementOperation operation, double constant, DType source, DType target) {
  if (operation == ElementOperation::none || (operation == ElementOperation::cast && source == target)) {
    if (bits(source) == bits(target)) return Element{ElementOperation::none, 0, source, target, true};
  } else if ((floating(source) && floating(target)) || (operation == ElementOperation::cast && whole_numbers(source) && whole_numbers(target))) {
    return Element{operation, constant, source, target, false};
  }
  return Error{Error::Kind::unsupported, "", "",
               fmt::format("{} elements cannot be made from {}", to_string(target), to_string(source)),
               "Ask for a data type that the source has, or one of F16, BF16, F32 and F64"};
}

void Element::convert(const std::byte* source, std::byte* target, std::size_t count, Instructions instructions) const {
  assert(!moves_bits_);
  if (whole_numbers(source_)) {
    source_ == DType::i64 ? convert_whole<std::int64_t, std::int32_t>(source, target, count) : convert_whole<std::int32_t, std::int64_t>(source, target, count);
    return;
  }
  const Computation how{source_, target_, operation_ == ElementOperation::add_constant, constant_};
  if (instructions == Instructions::best && has_avx2())
    compute_avx2(how, source, target, count);
  else
    compute_anywhere(how, source, target, count);
}

}  // namespace weighbridge
