#include "engine/block_decoder.hpp"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/element_formats.hpp"

namespace weighbridge {
namespace {

// Values that are decoded at a time, which stay in the first-level cache. Even, because half bytes come in pairs.
constexpr std::size_t kPiece = 512;

struct Row {
  Codec codec;
  const std::byte* codes;
  std::size_t skip, count;
  RowScales scales;
  DType type;
  std::byte* into;
};

// What codes stand for, by arithmetic: a table cannot be asked for many at a time. `code` is a whole byte.

[[gnu::always_inline]] inline float fp8_e4m3(std::uint32_t code) {
  const auto magnitude = code & 0x7fu;
  const auto subnormal = std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-9f);
  auto bits = magnitude < 8 ? subnormal : (magnitude << 20) + (120u << 23);  // the exponent's bias differs by 120
  bits = magnitude == 0x7fu ? 0x7fc00000u : bits;
  return std::bit_cast<float>(bits | (code & 0x80u) << 24);
}

[[gnu::always_inline]] inline float e2m1(std::uint32_t code) {
  const auto magnitude = code & 7u;
  const auto subnormal = std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0.5f);
  return std::bit_cast<float>((magnitude < 2 ? subnormal : (magnitude << 22) + (126u << 23)) | (code & 8u) << 28);
}

[[gnu::always_inline]] inline float offset_int4(std::uint32_t code) {
  return static_cast<float>(static_cast<std::int32_t>(code) - 8);
}

template <class Value>
[[gnu::always_inline]] inline void decode(const std::uint8_t* codes, std::size_t count, float* values, Value value) {
  for (std::size_t i = 0; i < count; ++i) values[i] = value(std::uint32_t{codes[i]});
}

// Values [first, first + count) of the row.
[[gnu::always_inline]] inline void scale(const RowScales& scales, std::size_t first, std::size_t count, float* values) {
  if (scales.values == nullptr) return;
  const auto at = scales.begin + first;
  const auto* of_block = scales.values + at / scales.block;
  for (std::size_t i = 0, end = scales.block - at % scales.block; i < count; end += scales.block, ++of_block) {
    const auto factor = *of_block;
    for (const auto last = std::min(end, count); i < last; ++i) values[i] *= factor;
  }
}

[[gnu::always_inline]] inline void decode_inlined(const Row& row) {
  std::array<std::uint8_t, kPiece + 2> apart;
  std::array<float, kPiece> values;
  const auto* codes = reinterpret_cast<const std::uint8_t*>(row.codes);
  const auto width = static_cast<std::size_t>(bits(row.type)) / 8;
  for (std::size_t begin = 0; begin < row.count; begin += kPiece) {
    const auto count = std::min(kPiece, row.count - begin);
    if (row.codec == Codec::fp8_e4m3) {
      decode(codes + begin, count, values.data(), [](std::uint32_t code) { return fp8_e4m3(code); });
    } else {
      const auto pairs = (count + row.skip + 1) / 2;
      for (std::size_t i = 0; i < pairs; ++i) {
        const auto pair = codes[begin / 2 + i];
        apart[2 * i] = pair & 15;
        apart[2 * i + 1] = static_cast<std::uint8_t>(pair >> 4);
      }
      if (row.codec == Codec::mxfp4)
        decode(apart.data() + row.skip, count, values.data(), [](std::uint32_t code) { return e2m1(code); });
      else
        decode(apart.data() + row.skip, count, values.data(), [](std::uint32_t code) { return offset_int4(code); });
    }
    scale(row.scales, begin, count, values.data());
    store(row.type, values.data(), row.into + begin * width, count);
  }
}

// The same code for the instructions that every machine has and for those that most have.
void decode_anywhere(const Row& row) { decode_inlined(row); }
#if defined(__x86_64__)
[[gnu::target("avx2")]] void decode_avx2(const Row& row) { decode_inlined(row); }
[[gnu::target("avx512f,avx512bw,avx512dq,avx512vl")]] void decode_avx512(const Row& row) { decode_inlined(row); }
#else
constexpr auto decode_avx2 = decode_anywhere, decode_avx512 = decode_anywhere;
#endif

}  // namespace

void decode_row(Codec codec, const std::byte* codes, std::size_t skip, std::size_t count, const RowScales& scales, DType type, std::byte* into,
                Instructions instructions) {
  const Row row{codec, codes, skip, count, scales, type, into};
  if (use_avx512(instructions)) return decode_avx512(row);
  return use_avx2(instructions) ? decode_avx2(row) : decode_anywhere(row);
}

}  // namespace weighbridge
