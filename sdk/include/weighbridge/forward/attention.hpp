#pragma once
// Causal attention of grouped queries.

#include <weighbridge/forward/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// For every token, the places in its sequence of the keys that it sees; those behind it are passed over.
using Selection = std::vector<std::vector<std::int64_t>>;

struct Attention {
  std::int64_t heads{}, groups{};  // of queries; of keys and values
  std::int64_t width{}, values{};  // of a head of queries and keys; of a head of values
  float scale{};                   // of the products
  std::int64_t window{};           // so many keys are seen, the query's own included; 0: all before it
  float cap{};                     // cap * tanh(product / cap); 0: none
  std::vector<float> sinks{};      // a further logit of each head, that nothing is taken from; empty: none
  const Selection* seen{};         // owned by the caller; null: all keys, or those of the window
};

// Heads of one width, whose products are divided by its square root.
inline Attention grouped_queries(std::int64_t heads, std::int64_t groups, std::int64_t width, std::int64_t window = 0) {
  return {.heads = heads, .groups = groups, .width = width, .values = width,
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width))), .window = window};
}

// q [tokens, heads * width], k [tokens, groups * width], v [tokens, groups * values] -> [tokens, heads * values]. Head h
// belongs to group h / (heads / groups).
inline Matrix attend(const Matrix& q, const Matrix& k, const Matrix& v, std::int64_t length, const Attention& a) {
  if (a.groups <= 0 || a.heads % a.groups != 0 || q.columns != a.heads * a.width || k.columns != a.groups * a.width ||
      v.columns != a.groups * a.values || length <= 0 || q.rows % length != 0)
    throw std::invalid_argument("projections do not fit the " + std::to_string(a.heads) + " heads of an attention");
  Matrix result{q.rows, a.heads * a.values};
  if (a.seen != nullptr && static_cast<std::int64_t>(a.seen->size()) != q.rows) throw std::invalid_argument("not every token's keys are selected");
  std::vector<float> weights(static_cast<std::size_t>(length));
  std::vector<std::int64_t> keys;
  for (std::int64_t begin = 0; begin < q.rows; begin += length)
    for (std::int64_t i = 0; i < length; ++i) {
      const auto first = a.window > 0 ? std::max<std::int64_t>(0, i - a.window + 1) : 0;
      keys.clear();
      if (a.seen == nullptr)
        for (auto j = first; j <= i; ++j) keys.push_back(j);
      else
        std::ranges::copy_if((*a.seen)[static_cast<std::size_t>(begin + i)], std::back_inserter(keys), [&](auto j) { return first <= j && j <= i; });
      for (std::int64_t h = 0; h < a.heads; ++h) {
        const auto group = h / (a.heads / a.groups);
        const auto* query = q.row(begin + i) + h * a.width;
        auto largest = a.sinks.empty() ? -std::numeric_limits<float>::infinity() : a.sinks.at(static_cast<std::size_t>(h));
        for (const auto j : keys) {
          const auto* key = k.row(begin + j) + group * a.width;
          float product = 0;
          for (std::int64_t d = 0; d < a.width; ++d) product += query[d] * key[d];
          product *= a.scale;
          if (a.cap > 0) product = a.cap * std::tanh(product / a.cap);
          weights[static_cast<std::size_t>(j)] = product;
          largest = std::max(largest, product);
        }
        auto sum = a.sinks.empty() ? 0.0F : std::exp(a.sinks[static_cast<std::size_t>(h)] - largest);
        for (const auto j : keys) sum += weights[static_cast<std::size_t>(j)] = std::exp(weights[static_cast<std::size_t>(j)] - largest);
        auto* out = result.row(begin + i) + h * a.values;
        for (const auto j : keys) {
          const auto weight = weights[static_cast<std::size_t>(j)] / sum;
          const auto* value = v.row(begin + j) + group * a.values;
          for (std::int64_t d = 0; d < a.values; ++d) out[d] += weight * value[d];
        }
      }
    }
  return result;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
