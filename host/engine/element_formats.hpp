#pragma once
// Between float32 and the short floating point types, a value at a time. All are inlined and all their branches are selections, so
// that loops over them become vector code for whatever instructions the caller is compiled for.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/dtype.hpp"

namespace weighbridge {

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

// `count` values to wherever `target` lies, each as `one` makes it.
template <class Stored, class Real, class Narrow>
[[gnu::always_inline]] inline void narrow(const Real* source, std::byte* target, std::size_t count, Narrow one) {
  for (std::size_t i = 0; i < count; ++i) {
    const Stored stored = one(source[i]);
    std::memcpy(target + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}

// As F16, BF16 or F32.
[[gnu::always_inline]] inline void store(DType dtype, const float* source, std::byte* target, std::size_t count) {
  if (dtype == DType::f16)
    narrow<std::uint16_t>(source, target, count, [](float value) { return f16_rounded(value); });
  else if (dtype == DType::bf16)
    narrow<std::uint16_t>(source, target, count, [](float value) { return bf16_rounded(value); });
  else
    narrow<float>(source, target, count, [](float value) { return value; });
}

}  // namespace weighbridge
