#pragma once
// Rotary position embedding: pairs of a head's features are turned by position * frequency.

#include <weighbridge/forward/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// Which features make a pair.
enum class Pairs : std::uint8_t { halves = 1, neighbours };

struct Rotary {
  std::vector<float> frequencies;  // a pair each; no pair: positions are not told
  float scale{1};                  // of sine and cosine, as YaRN has it
  Pairs pairs{Pairs::halves};
};

// base^(-2i / features)
inline std::vector<float> frequencies_of(double base, std::int64_t features) {
  std::vector<float> result;
  for (std::int64_t i = 0; i < features; i += 2)
    result.push_back(static_cast<float>(1.0 / std::pow(base, static_cast<double>(i) / static_cast<double>(features))));
  return result;
}

// Positions closer to each other by a factor.
inline std::vector<float> interpolated(std::vector<float> frequencies, double factor) {
  for (auto& frequency : frequencies) frequency /= static_cast<float>(factor);
  return frequencies;
}

// Long waves slowed by a factor, short ones as they are, those between blended: by how often a wave fits into the length
// that the model was trained for.
inline std::vector<float> slowed_by_wavelength(std::vector<float> frequencies, double factor, double low, double high, double original) {
  for (auto& frequency : frequencies) {
    const auto turns = original * frequency / (2 * std::numbers::pi);
    const auto share = std::clamp((turns - low) / (high - low), 0.0, 1.0);
    frequency = static_cast<float>((1 - share) * frequency / factor + share * frequency);
  }
  return frequencies;
}

struct Yarn {
  double factor{1}, original{4096}, beta_fast{32}, beta_slow{1};
  bool round{true};  // the bounds of the blend to whole features
};

inline std::vector<float> yarn_frequencies(double base, std::int64_t features, const Yarn& yarn) {
  const auto count = static_cast<double>(features);
  const auto bound = [&](double turns) { return count * std::log(yarn.original / (turns * 2 * std::numbers::pi)) / (2 * std::log(base)); };
  auto low = bound(yarn.beta_fast), high = bound(yarn.beta_slow);
  if (yarn.round) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, count - 1);
  if (low == high) high += 0.001;
  auto result = frequencies_of(base, features);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto slowed = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    result[i] = static_cast<float>(result[i] / yarn.factor * slowed + result[i] * (1 - slowed));
  }
  return result;
}

// How much YaRN widens, for a stated weight: 0.1 * weight * ln(factor) + 1.
inline double yarn_scale(double factor, double weight = 1) { return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0; }

// Turns features [at, at + 2 * pairs) of each of the heads of `width` features; row i of x is at position i % length.
inline void rotate(Matrix& x, std::int64_t width, std::int64_t length, const Rotary& rotary, std::int64_t at = 0) {
  const auto pairs = static_cast<std::int64_t>(rotary.frequencies.size());
  if (pairs == 0) return;
  if (width <= 0 || x.columns % width != 0 || at + 2 * pairs > width)
    throw std::invalid_argument(std::to_string(2 * pairs) + " features to turn in heads of " + std::to_string(width));
  const bool halves = rotary.pairs == Pairs::halves;
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::int64_t j = 0; j < pairs; ++j) {
      const auto angle = static_cast<float>(i % length) * rotary.frequencies[static_cast<std::size_t>(j)];
      const auto cosine = std::cos(angle) * rotary.scale, sine = std::sin(angle) * rotary.scale;
      for (std::int64_t head = 0; head < x.columns; head += width) {
        auto& a = x.row(i)[head + at + (halves ? j : 2 * j)];
        auto& b = x.row(i)[head + at + (halves ? j + pairs : 2 * j + 1)];
        const auto first = a * cosine - b * sine, second = b * cosine + a * sine;
        a = first;
        b = second;
      }
    }
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
