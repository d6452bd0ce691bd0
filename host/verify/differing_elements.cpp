#include "verify/differing_elements.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "verify/element_value.hpp"

namespace weighbridge {
namespace {

// Equal stretches are skipped in pieces of this many elements: a multiple of what fills whole bytes of any type.
constexpr std::int64_t kPiece = 4096;

int mantissa_digits(double value) {
  if (value == 0 || std::isinf(value)) return 0;
  constexpr int kMantissa = 52;
  const auto fraction = std::bit_cast<std::uint64_t>(value) & ((std::uint64_t{1} << kMantissa) - 1);
  return fraction == 0 ? 0 : kMantissa - std::countr_zero(fraction);
}

std::uint64_t bytes_reversed(std::uint64_t bits, int width) {
  std::uint64_t reversed = 0;
  for (int byte = 0; byte < width / 8; ++byte) reversed |= (bits >> (8 * byte) & 0xff) << (width - 8 - 8 * byte);
  return reversed;
}

void widen(double& least, double& largest, double value, bool first) {
  least = first ? value : std::min(least, value);
  largest = first ? value : std::max(largest, value);
}

void add_signs(DifferenceSigns& signs, double expected, double actual) {
  signs.zeroed += actual == 0;
  signs.negated += actual == -expected;
  signs.expected_digits = std::max(signs.expected_digits, mantissa_digits(expected));
  signs.actual_digits = std::max(signs.actual_digits, mantissa_digits(actual));
  widen(signs.least_sum, signs.largest_sum, actual - expected, signs.numbers == 0);
  widen(signs.least, signs.largest, actual, signs.numbers == 0);
  if (expected != 0) {
    widen(signs.least_factor, signs.largest_factor, actual / expected, !signs.factors);
    signs.factors = true;
  }
  ++signs.numbers;
}

void merge(DifferenceSigns& all, const DifferenceSigns& part) {
  all.bytes_swapped += part.bytes_swapped;
  all.one_bit += part.one_bit;
  if (part.numbers == 0) return;
  if (all.numbers == 0) {
    const auto [swapped, flipped] = std::pair{all.bytes_swapped, all.one_bit};
    all = part;
    all.bytes_swapped = swapped;
    all.one_bit = flipped;
    return;
  }
  all.numbers += part.numbers;
  all.zeroed += part.zeroed;
  all.negated += part.negated;
  all.expected_digits = std::max(all.expected_digits, part.expected_digits);
  all.actual_digits = std::max(all.actual_digits, part.actual_digits);
  all.least_sum = std::min(all.least_sum, part.least_sum);
  all.largest_sum = std::max(all.largest_sum, part.largest_sum);
  all.least = std::min(all.least, part.least);
  all.largest = std::max(all.largest, part.largest);
  if (part.factors) {
    widen(all.least_factor, all.largest_factor, part.least_factor, !all.factors);
    widen(all.least_factor, all.largest_factor, part.largest_factor, false);
    all.factors = true;
  }
}

void add_larger(std::optional<double>& all, const std::optional<double>& part) {
  if (part) all = std::max(all.value_or(0), *part);
}

}  // namespace

DifferingElements differing_elements(DType dtype, const std::byte* expected, const std::byte* actual, std::int64_t begin,
                                     std::int64_t count, const Tolerance& tolerance) {
  DifferingElements found;
  for (std::int64_t piece = 0; piece < count; piece += kPiece) {
    const auto end = std::min(piece + kPiece, count);
    const auto first_byte = piece * bits(dtype) / 8, last_byte = end * bits(dtype) / 8;
    if (std::memcmp(expected + first_byte, actual + first_byte, static_cast<std::size_t>(last_byte - first_byte)) == 0) continue;
    for (auto i = piece; i < end; ++i) {
      const auto left = element_bits(dtype, expected, i), right = element_bits(dtype, actual, i);
      if (left == right) continue;
      if (found.differing++ == 0) {
        found.first = begin + i;
        found.expected_bits = left;
        found.actual_bits = right;
      }
      found.last = begin + i;
      found.signs.bytes_swapped += bits(dtype) > 8 && bytes_reversed(left, bits(dtype)) == right;
      found.signs.one_bit += std::popcount(left ^ right) == 1;
      const auto a = real_value(dtype, left), b = real_value(dtype, right);
      if (!a || !b || std::isnan(*a) || std::isnan(*b)) {
        ++found.beyond;
        found.not_numbers += a && b;
        continue;
      }
      const auto apart = std::abs(*b - *a), larger = std::max(std::abs(*a), std::abs(*b));
      add_larger(found.max_abs_difference, apart);
      add_larger(found.max_relative_difference, larger == 0 ? 0 : std::isinf(larger) ? 1 : apart / larger);
      found.beyond += tolerance.exact() || !(apart <= tolerance.absolute + tolerance.relative * std::abs(*a));
      add_signs(found.signs, *a, *b);
    }
  }
  return found;
}

void merge(DifferingElements& all, const DifferingElements& part) {
  if (part.differing == 0) return;
  if (all.differing == 0 || part.first < all.first) {
    all.first = part.first;
    all.expected_bits = part.expected_bits;
    all.actual_bits = part.actual_bits;
  }
  all.last = all.differing == 0 ? part.last : std::max(all.last, part.last);
  all.differing += part.differing;
  all.beyond += part.beyond;
  all.not_numbers += part.not_numbers;
  add_larger(all.max_abs_difference, part.max_abs_difference);
  add_larger(all.max_relative_difference, part.max_relative_difference);
  merge(all.signs, part.signs);
}

}  // namespace weighbridge
