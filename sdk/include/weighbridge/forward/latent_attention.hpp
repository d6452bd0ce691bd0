#pragma once
// Attention whose keys and values come from a common latent, with a rotary part of its own that all heads share.

#include <weighbridge/forward/attention.hpp>
#include <weighbridge/forward/matrix.hpp>
#include <weighbridge/forward/rotary.hpp>

#include <algorithm>
#include <cstdint>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

struct LatentAttention {
  std::int64_t heads{};
  std::int64_t plain{}, rotary{}, values{};  // widths of a head's parts
  float scale{};
  Rotary positions{};
  const Selection* seen{};  // as in Attention
};

// q [tokens, heads * (plain + rotary)], shared_key [tokens, rotary] before its positions are told, and of the latent
// [tokens, heads * (plain key | value)] -> [tokens, heads * values].
inline Matrix attend(Matrix q, Matrix shared_key, const Matrix& of_latent, std::int64_t length, const LatentAttention& a) {
  const auto width = a.plain + a.rotary;
  rotate(q, width, length, a.positions, a.plain);
  rotate(shared_key, a.rotary, length, a.positions);
  if (of_latent.columns != a.heads * (a.plain + a.values) || shared_key.columns != a.rotary)
    throw std::invalid_argument("a latent does not fit the " + std::to_string(a.heads) + " heads of an attention");
  Matrix k{q.rows, a.heads * width}, v{q.rows, a.heads * a.values};
  for (std::int64_t i = 0; i < q.rows; ++i)
    for (std::int64_t h = 0; h < a.heads; ++h) {
      const auto* from = of_latent.row(i) + h * (a.plain + a.values);
      std::copy_n(from, a.plain, k.row(i) + h * width);
      std::copy_n(shared_key.row(i), a.rotary, k.row(i) + h * width + a.plain);
      std::copy_n(from + a.plain, a.values, v.row(i) + h * a.values);
    }
  return attend(q, k, v, length, {.heads = a.heads, .groups = a.heads, .width = width, .values = a.values, .scale = a.scale, .seen = a.seen});
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
