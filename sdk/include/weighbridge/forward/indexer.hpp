#pragma once
// Sparse attention: an indexer scores the tokens before a token, and attention sees the best of them alone.

#include <weighbridge/forward/attention.hpp>
#include <weighbridge/forward/matrix.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/rotary.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

struct Indexer {
  std::int64_t heads{}, width{};  // of queries; there is one key for all of them
  std::int64_t chosen{};          // so many tokens are seen
  bool cut{true};                 // whether products below nought count as nought
  Rotary positions{};             // of the first features of a head
};

// q [tokens, heads * width] and k [tokens, width] before positions are told, weights [tokens, heads] of the heads:
// score of token j for token i = sum over heads of weight * (q_i k_j), j <= i. Of equal scores the first token is seen.
inline Selection select(Matrix q, Matrix k, const Matrix& weights, std::int64_t length, const Indexer& indexer) {
  if (q.columns != indexer.heads * indexer.width || k.columns != indexer.width || weights.columns != indexer.heads || length <= 0)
    throw std::invalid_argument("projections do not fit the " + std::to_string(indexer.heads) + " heads of an indexer");
  rotate(q, indexer.width, length, indexer.positions);
  rotate(k, indexer.width, length, indexer.positions);
  const auto scale = 1.0F / std::sqrt(static_cast<float>(indexer.heads * indexer.width));
  Selection selection;
  for (std::int64_t row = 0; row < q.rows; ++row) {
    const auto place = row % length, begin = row - place;
    std::vector<float> scores(static_cast<std::size_t>(place + 1));
    for (std::int64_t j = 0; j <= place; ++j)
      for (std::int64_t h = 0; h < indexer.heads; ++h) {
        float product = 0;
        for (std::int64_t d = 0; d < indexer.width; ++d) product += q.row(row)[h * indexer.width + d] * k.row(begin + j)[d];
        scores[static_cast<std::size_t>(j)] += weights.row(row)[h] * scale * (indexer.cut ? std::max(product, 0.0F) : product);
      }
    selection.push_back(largest(scores, indexer.chosen));
    std::ranges::sort(selection.back());
  }
  return selection;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
