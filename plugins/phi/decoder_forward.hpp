#pragma once
// What Phi computes, as transformers writes it.

#include <weighbridge/forward/fused_projections.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>

#include <cstdint>
#include <string>

#include "longrope.hpp"

namespace phi {

inline forward::Rotary rotary_of(const Config& c, std::int64_t width, std::int64_t length) {
  const auto rope = rope_of(c, 10000.0);
  const auto features = turned_features(width, turned_share(c));
  return is_longrope(rope) ? stated_longrope(c, rope, features, length) : forward::Rotary{forward::frequencies_of(rope.theta, features)};
}

inline void forward_decoder(const Config& c, const Forward& run) {
  const auto heads = attention_heads(c), width = head_width(c), groups = c.integer("num_key_value_heads", heads), ffn = c.integer("intermediate_size");
  const auto attention = forward::grouped_queries(heads, groups, width, c.integer("sliding_window", 0));
  const auto rotary = rotary_of(c, width, run.length());
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) {
        const auto as_they_are = [](forward::Matrix of, const char*) { return of; };
        return run.linear(at + "o_proj.weight", forward::attend_fused(run, run.linear(at + "qkv_proj.weight", x), attention, rotary, as_they_are));
      },
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) {
        const auto both = run.linear(at + "gate_up_proj.weight", x);
        return run.linear(at + "down_proj.weight", forward::gated(forward::columns(both, 0, ffn), forward::columns(both, ffn, ffn), {}));
      },
      1e-5);
}

}  // namespace phi
