#pragma once
// Positions of Gemma 4's global layers: a share of each head's features is turned, by the frequencies of the whole head.

#include <cmath>
#include <cstdint>
#include <vector>

namespace gemma {

// Pairs are those of halves of the whole head, so the others have frequency 0.
inline std::vector<float> proportional_frequencies(double base, std::int64_t width, double share) {
  const auto turned = static_cast<std::int64_t>(share * static_cast<double>(width)) / 2;
  std::vector<float> result(static_cast<std::size_t>(width / 2));
  for (std::int64_t i = 0; i < turned; ++i)
    result[static_cast<std::size_t>(i)] = static_cast<float>(1.0 / std::pow(base, 2.0 * static_cast<double>(i) / static_cast<double>(width)));
  return result;
}

}  // namespace gemma
