#pragma once
// What Llama and Mistral compute, as transformers writes it.

#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/rope_translation.hpp>

#include <cstdint>
#include <string>

namespace llama {

using namespace weighbridge;

inline constexpr auto kRope = every_scaling(10000.0, "llama3");

// `groups` where the config does not say; a window where the class has one.
inline void forward_decoder(const Config& c, const Forward& run, std::int64_t default_groups, std::int64_t window) {
  const auto heads = attention_heads(c), width = head_width(c);
  const auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", default_groups ? default_groups : heads), width, window);
  const auto rotary = forward::stated_rotary(c, kRope.theta, width, kRope.slowed);
  forward::pre_norm_decoder(
      c, run, [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_attention(run, at, x, attention, rotary); },
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_gated(run, at, x); });
}

}  // namespace llama
