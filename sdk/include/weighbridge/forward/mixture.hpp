#pragma once
// Mixtures of experts: which experts a token goes to and with what weight, and what comes of it.

#include <weighbridge/forward/activation.hpp>
#include <weighbridge/forward/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

enum class Score : std::uint8_t { softmax = 1, softmax_of_chosen, sigmoid };

struct Routing {
  Score score{Score::softmax};
  std::int64_t chosen{};       // experts of a token
  bool normalised{};           // the chosen scores are made to add up to one
  float scale{1};
  std::vector<float> expert_scale{};  // of each expert's weight, behind all else
  std::vector<float> bias{};   // added to the scores while experts are chosen, and only then
  std::int64_t groups{1}, chosen_groups{1};  // experts are taken from so many groups, the best ones
  std::int64_t group_best{1};  // a group is as good as the sum of so many of its experts
};

struct Choice {
  std::int64_t expert{};
  float weight{};
};

// Of the largest values, their places; of equal ones the first.
inline std::vector<std::int64_t> largest(const std::vector<float>& values, std::int64_t count) {
  std::vector<std::int64_t> order(values.size());
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::ranges::stable_sort(order, [&](auto a, auto b) { return values[static_cast<std::size_t>(a)] > values[static_cast<std::size_t>(b)]; });
  order.resize(static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, static_cast<std::int64_t>(order.size()))));
  return order;
}

namespace detail {

inline void softmax(std::vector<float>& values) {
  const auto most = std::ranges::max(values);
  float sum = 0;
  for (auto& value : values) sum += value = std::exp(value - most);
  for (auto& value : values) value /= sum;
}

// What is outside the best groups is as bad as can be.
inline void limit_to_groups(std::vector<float>& scores, const Routing& routing) {
  const auto size = static_cast<std::int64_t>(scores.size()) / routing.groups;
  std::vector<float> of_groups;
  for (std::int64_t g = 0; g < routing.groups; ++g) {
    std::vector<float> own(scores.begin() + g * size, scores.begin() + (g + 1) * size);
    float sum = 0;
    for (const auto i : largest(own, routing.group_best)) sum += own[static_cast<std::size_t>(i)];
    of_groups.push_back(sum);
  }
  const auto best = largest(of_groups, routing.chosen_groups);
  for (std::int64_t e = 0; e < static_cast<std::int64_t>(scores.size()); ++e)
    if (std::ranges::find(best, e / size) == best.end()) scores[static_cast<std::size_t>(e)] = -std::numeric_limits<float>::infinity();
}

}  // namespace detail

// Of one token with these logits.
inline std::vector<Choice> route(const std::vector<float>& logits, const Routing& routing) {
  auto scores = logits;
  if (routing.score == Score::softmax) detail::softmax(scores);
  if (routing.score == Score::sigmoid)
    for (auto& score : scores) score = sigmoid(score);
  auto ranked = scores;
  for (std::size_t e = 0; e < routing.bias.size(); ++e) ranked[e] += routing.bias[e];
  if (routing.groups > 1) detail::limit_to_groups(ranked, routing);
  const auto chosen = largest(ranked, routing.chosen);
  std::vector<float> weights;
  for (const auto expert : chosen) weights.push_back(scores[static_cast<std::size_t>(expert)]);
  if (routing.score == Score::softmax_of_chosen) detail::softmax(weights);
  if (routing.normalised) {
    const auto sum = std::accumulate(weights.begin(), weights.end(), 0.0F) + 1e-20F;
    for (auto& weight : weights) weight /= sum;
  }
  std::vector<Choice> choices;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const auto own = routing.expert_scale.empty() ? 1.0F : routing.expert_scale.at(static_cast<std::size_t>(chosen[i]));
    choices.push_back({chosen[i], weights[i] * routing.scale * own});
  }
  return choices;
}

// The sum over the chosen experts of weight * expert(e, x of the tokens that chose it), [tokens, columns of `x` or of what the
// experts give]. `logits` has a row for each token. Experts that no token chose are not asked.
template <class Expert>
Matrix mixture(const Matrix& x, const Matrix& logits, const Routing& routing, Expert&& expert) {
  struct Visit {
    std::int64_t token{};
    float weight{};
  };
  std::vector<std::vector<Visit>> visits(static_cast<std::size_t>(logits.columns));
  for (std::int64_t t = 0; t < x.rows; ++t)
    for (const auto& [e, weight] : route({logits.row(t), logits.row(t) + logits.columns}, routing))
      visits[static_cast<std::size_t>(e)].push_back({t, weight});
  Matrix result{x.rows, x.columns};
  for (std::size_t e = 0; e < visits.size(); ++e) {
    if (visits[e].empty()) continue;
    Matrix own{static_cast<std::int64_t>(visits[e].size()), x.columns};
    for (std::int64_t i = 0; i < own.rows; ++i) std::copy_n(x.row(visits[e][static_cast<std::size_t>(i)].token), x.columns, own.row(i));
    const auto made = expert(static_cast<std::int64_t>(e), own);
    for (std::int64_t i = 0; i < own.rows; ++i)
      for (std::int64_t j = 0; j < x.columns; ++j)
        result.row(visits[e][static_cast<std::size_t>(i)].token)[j] += visits[e][static_cast<std::size_t>(i)].weight * made.row(i)[j];
  }
  return result;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
