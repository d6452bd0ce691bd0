#include "engine/element.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "engine/element_formats.hpp"

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
#else
constexpr auto compute_avx2 = compute_anywhere;
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

bool Element::rounds_f32() const noexcept {
  return operation_ == ElementOperation::cast && source_ == DType::f32 && (target_ == DType::bf16 || target_ == DType::f16);
}

Element Element::of_rounded() const noexcept { return {ElementOperation::none, 0, target_, target_, true}; }

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
  if (use_avx2(instructions))
    compute_avx2(how, source, target, count);
  else
    compute_anywhere(how, source, target, count);
}

}  // namespace weighbridge
