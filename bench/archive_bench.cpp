// What pack makes of weights of N(0, 0.02) beside plain zstd of the same bytes, on one core: bytes of weights a second, and
// the ratio.
#include <benchmark/benchmark.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <random>
#include <string>

#include "archive/piece_encoder.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kPieces = 8;

// The upper `width` bytes of float32 numbers: bfloat16 or float32.
std::string weights(unsigned width) {
  std::mt19937 generator{1};
  std::normal_distribution<float> normal{0, 0.02f};
  std::string bytes;
  bytes.reserve(kPieces * kLargestPiece);
  while (bytes.size() < kPieces * kLargestPiece) {
    const auto word = std::bit_cast<std::uint32_t>(normal(generator)) >> (32 - 8 * width);
    for (unsigned i = 0; i < width; ++i) bytes.push_back(static_cast<char>(word >> (8 * i)));
  }
  return bytes;
}

void report(benchmark::State& state, std::uint64_t bytes, std::uint64_t stored) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.counters["ratio"] = static_cast<double>(bytes) / static_cast<double>(stored);
}

void pack_pieces(benchmark::State& state, unsigned width) {
  const auto bytes = weights(width);
  auto encoder = PieceEncoder::make();
  std::uint64_t done = 0, stored = 0;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kPieces; ++i) {
      std::copy_n(bytes.data() + i * kLargestPiece, kLargestPiece, encoder->piece(kLargestPiece).data());
      stored += encoder->encode(kLargestPiece, width)->entry.stored;
      done += kLargestPiece;
    }
  }
  report(state, done, stored);
}

void plain_zstd(benchmark::State& state, unsigned width, int level) {
  const auto bytes = weights(width);
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  std::uint64_t done = 0, stored = 0;
  for (auto _ : state) {
    stored += ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), level);
    done += bytes.size();
  }
  report(state, done, stored);
}

BENCHMARK_CAPTURE(pack_pieces, bf16, 2)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plain_zstd, bf16_level_1, 2, 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plain_zstd, bf16_level_3, 2, 3)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(pack_pieces, f32, 4)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plain_zstd, f32_level_1, 4, 1)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plain_zstd, f32_level_3, 4, 3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weighbridge
