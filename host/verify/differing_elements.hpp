#pragma once
// Where and how the elements of two tensors differ: what is reported, and what tells why.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "tensor/dtype.hpp"

namespace weighbridge {

// Signs of a cause.
struct DifferenceSigns {
  std::int64_t bytes_swapped{};     // pairs of which one's bits are the other's in the other byte order
  std::int64_t one_bit{};           // of which one bit differs
  // Over differing pairs of real numbers of which neither is a NaN:
  std::int64_t numbers{};           // such pairs
  std::int64_t zeroed{};            // actual is 0
  std::int64_t negated{};           // actual is -expected
  int expected_digits{}, actual_digits{};  // bits of mantissa behind the leading one that any of them needs
  double least_sum{}, largest_sum{};       // of actual - expected
  double least_factor{}, largest_factor{}; // of actual / expected, where expected is not 0
  bool factors{};                          // whether there is any
  double least{}, largest{};               // of actual
};

struct DifferingElements {
  std::int64_t differing{};
  std::int64_t beyond{};         // of them, those further apart than the tolerance
  std::int64_t first{}, last{};  // in row-major order; of any meaning only if some differ, as all below
  std::uint64_t expected_bits{}, actual_bits{};  // of the first
  std::optional<double> max_abs_difference;
  std::optional<double> max_relative_difference;  // to the larger of the two
  std::int64_t not_numbers{};                     // pairs of which an element is a NaN
  DifferenceSigns signs;
};

// |actual - expected| <= absolute + relative * |expected|. With both 0 every differing bit is beyond, so 0.0 and -0.0 are.
struct Tolerance {
  double absolute{};
  double relative{};
  bool exact() const { return absolute == 0 && relative == 0; }
};

// What differs within `count` elements, the first of which is element `begin` of its tensor.
DifferingElements differing_elements(DType dtype, const std::byte* expected, const std::byte* actual, std::int64_t begin,
                                     std::int64_t count, const Tolerance& tolerance = {});
// Adds what was found in another part of the tensor.
void merge(DifferingElements& all, const DifferingElements& part);

}  // namespace weighbridge
