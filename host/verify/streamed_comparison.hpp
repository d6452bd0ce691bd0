#pragma once
// Reads pairs of tensors side by side and counts where their elements differ.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "verify/comparison.hpp"

namespace weighbridge {

// Indices into the tensors of two plans; both of one dtype and as many bytes.
struct PlannedPair {
  std::size_t expected{};
  std::size_t actual{};
};

struct DifferingElements {
  std::int64_t differing{};
  std::int64_t first{};  // in row-major order; of any meaning only if some differ, as all below
  std::uint64_t expected_bits{}, actual_bits{};  // of the first
  std::optional<double> max_abs_difference;
  std::int64_t not_numbers{};
};

// What differs within `count` elements, the first of which is element `begin` of its tensor.
DifferingElements differing_elements(DType dtype, const std::byte* expected, const std::byte* actual, std::int64_t begin,
                                     std::int64_t count);
// Adds what was found in another part of the tensor.
void merge(DifferingElements& all, const DifferingElements& part);

// One result a pair. Both plans are checked first. Threads and memory as the options say.
Result<std::vector<DifferingElements>> streamed_comparison(const Plan& expected, const Plan& actual,
                                                           std::span<const PlannedPair> pairs, const CompareOptions& options);

}  // namespace weighbridge
