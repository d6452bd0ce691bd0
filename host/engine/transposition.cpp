#include "engine/transposition.hpp"

#include <array>
#include <cstring>

namespace weighbridge {
namespace {

// Sixteen bytes of elements, in a form that GCC and Clang know on any machine.
template <class T>
struct Lanes;
template <>
struct Lanes<std::uint8_t> {
  using Vector __attribute__((vector_size(16))) = std::uint8_t;
  static Vector low(Vector a, Vector b) {
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  }
  static Vector high(Vector a, Vector b) {
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
};
template <>
struct Lanes<std::uint16_t> {
  using Vector __attribute__((vector_size(16))) = std::uint16_t;
  static Vector low(Vector a, Vector b) { return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11); }
  static Vector high(Vector a, Vector b) { return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15); }
};
template <>
struct Lanes<std::uint32_t> {
  using Vector __attribute__((vector_size(16))) = std::uint32_t;
  static Vector low(Vector a, Vector b) { return __builtin_shufflevector(a, b, 0, 4, 1, 5); }
  static Vector high(Vector a, Vector b) { return __builtin_shufflevector(a, b, 2, 6, 3, 7); }
};

// Shuffles each row with the one half a square further on; after as many rounds as the side has bits, rows are columns.
template <class T>
void transpose(const std::byte* source, std::int64_t source_step, std::byte* target, std::int64_t target_step) {
  using Vector = typename Lanes<T>::Vector;
  constexpr std::size_t kSide = 16 / sizeof(T);
  std::array<Vector, kSide> rows, shuffled;
  for (std::size_t j = 0; j < kSide; ++j)
    std::memcpy(&rows[j], source + static_cast<std::int64_t>(j) * source_step, 16);
  for (std::size_t round = 1; round < kSide; round *= 2) {
    for (std::size_t i = 0; i < kSide / 2; ++i) {
      shuffled[2 * i] = Lanes<T>::low(rows[i], rows[i + kSide / 2]);
      shuffled[2 * i + 1] = Lanes<T>::high(rows[i], rows[i + kSide / 2]);
    }
    rows = shuffled;
  }
  for (std::size_t i = 0; i < kSide; ++i)
    std::memcpy(target + static_cast<std::int64_t>(i) * target_step, &rows[i], 16);
}

}  // namespace

std::int64_t square_side(std::int64_t width) { return width == 1 || width == 2 || width == 4 ? 16 / width : 1; }

void transpose_square(std::int64_t width, const std::byte* source, std::int64_t source_step, std::byte* target,
                      std::int64_t target_step) {
  if (width == 1) return transpose<std::uint8_t>(source, source_step, target, target_step);
  if (width == 2) return transpose<std::uint16_t>(source, source_step, target, target_step);
  transpose<std::uint32_t>(source, source_step, target, target_step);
}

}  // namespace weighbridge
