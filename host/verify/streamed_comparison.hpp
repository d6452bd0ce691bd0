#pragma once
// Reads pairs of tensors side by side and counts where their elements differ.

#include <cstdint>
#include <span>
#include <vector>

#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "verify/comparison.hpp"
#include "verify/differing_elements.hpp"

namespace weighbridge {

// Indices into the tensors of two plans; both of one dtype and as many bytes.
struct PlannedPair {
  std::size_t expected{};
  std::size_t actual{};
};

// One result a pair. Both plans are checked first. Threads and memory as the options say.
Result<std::vector<DifferingElements>> streamed_comparison(const Plan& expected, const Plan& actual,
                                                           std::span<const PlannedPair> pairs, const CompareOptions& options);

}  // namespace weighbridge
