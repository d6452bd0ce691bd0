// What one core makes of bytes that are in its cache: conversions and transpositions, in bytes of output a second.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "engine/element.hpp"
#include "engine/rearrange.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kBytes = 512 << 10;

// Small positive numbers in any of the floating point types.
std::vector<std::byte> source_bytes() {
  std::vector<std::byte> bytes(8 * kBytes);
  for (std::size_t i = 0; i < bytes.size() / 2; ++i) {
    const auto value = static_cast<std::uint16_t>(0x3c00 + i * 2654435761u % 0x300);
    std::memcpy(&bytes[2 * i], &value, 2);
  }
  return bytes;
}

void convert(benchmark::State& state, DType from, DType to, ElementOperation operation, Instructions instructions) {
  const auto element = Element::make(operation, 1, from, to);
  const auto width = static_cast<std::size_t>(bits(to) / 8), count = kBytes / width;
  const auto source = source_bytes();
  std::vector<std::byte> target(kBytes);
  for (auto _ : state) {
    element->convert(source.data(), target.data(), count, instructions);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(count * width) * state.iterations());
}

constexpr auto kCast = ElementOperation::cast, kAdd = ElementOperation::add_constant;
constexpr auto kBest = Instructions::best, kPortable = Instructions::portable;
BENCHMARK_CAPTURE(convert, f32_to_bf16, DType::f32, DType::bf16, kCast, kBest);
BENCHMARK_CAPTURE(convert, f32_to_bf16_portable, DType::f32, DType::bf16, kCast, kPortable);
BENCHMARK_CAPTURE(convert, bf16_to_f32, DType::bf16, DType::f32, kCast, kBest);
BENCHMARK_CAPTURE(convert, f16_to_bf16, DType::f16, DType::bf16, kCast, kBest);
BENCHMARK_CAPTURE(convert, bf16_to_f16, DType::bf16, DType::f16, kCast, kBest);
BENCHMARK_CAPTURE(convert, bf16_to_f16_portable, DType::bf16, DType::f16, kCast, kPortable);
BENCHMARK_CAPTURE(convert, bf16_plus_one, DType::bf16, DType::bf16, kAdd, kBest);

void transpose(benchmark::State& state, DType dtype) {
  const std::int64_t width = bits(dtype) / 8, rows = 512, columns = static_cast<std::int64_t>(kBytes) / rows / width;
  const Copy copy{0, 0, 0, dtype, ElementOperation::none, 0, {{columns, 1, rows}, {rows, columns, 1}}};
  const auto nest = nest_of(copy, dtype);
  const auto element = Element::make(ElementOperation::none, 0, dtype, dtype);
  const auto source = source_bytes();
  std::vector<std::byte> target(kBytes);
  for (auto _ : state) {
    rearrange(*nest, *element, source.data(), target.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(kBytes) * state.iterations());
}

BENCHMARK_CAPTURE(transpose, u8, DType::u8);
BENCHMARK_CAPTURE(transpose, bf16, DType::bf16);
BENCHMARK_CAPTURE(transpose, f32, DType::f32);

}  // namespace
}  // namespace weighbridge
