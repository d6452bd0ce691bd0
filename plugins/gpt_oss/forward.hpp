#pragma once
// What GPT-OSS computes, as transformers writes it.

#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace gpt_oss {

using namespace weighbridge;

// Gate and up alternate: column 2f is gate's f, column 2f + 1 is up's.
inline forward::Matrix alternating(const forward::Matrix& both, std::int64_t first) {
  forward::Matrix result{both.rows, both.columns / 2};
  for (std::int64_t t = 0; t < both.rows; ++t)
    for (std::int64_t f = 0; f < result.columns; ++f) result.row(t)[f] = both.row(t)[2 * f + first];
  return result;
}

// Entry e of a projection of all experts: plain ones are [in, out], blocks of MXFP4 are [out, in].
inline forward::Matrix projected(const Forward& run, const std::string& name, std::int64_t e, const forward::Matrix& x, std::int64_t out) {
  auto y = run.has(name + "_blocks") ? run.linear(name + "_blocks", x, e * out, out) : run.turned(name, x, e * x.columns, x.columns);
  forward::add_row(y, run.rows(name + "_bias", e, 1).values);
  return y;
}

inline forward::Matrix forward_experts(const Config& c, const Forward& run, const std::string& at, const forward::Matrix& x) {
  const forward::Routing routing{.score = forward::Score::softmax_of_chosen, .chosen = c.integer("num_experts_per_tok", c.integer("experts_per_token", 4))};
  const forward::Gate gate{.activation = forward::Activation::quick_gelu, .clamp = static_cast<float>(c.number("swiglu_limit", 7.0)), .offset = 1};
  const auto width = c.integer("intermediate_size");
  return forward::mixture(x, run.module(at + "router.", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    const auto both = projected(run, at + "experts.gate_up_proj", e, own, 2 * width);
    return projected(run, at + "experts.down_proj", e, forward::gated(alternating(both, 0), alternating(both, 1), gate), own.columns);
  });
}

// Without a rope_scaling it is YaRN with the published numbers.
inline forward::Rotary rotary_of(const Config& c, std::int64_t width) {
  if (!rope_of(c, 150000.0).at.empty()) return forward::stated_rotary(c, 150000.0, width);
  return {forward::yarn_frequencies(rope_of(c, 150000.0).theta, width, {32, 4096, 32, 1, false}), static_cast<float>(forward::yarn_scale(32))};
}

inline void forward_model(const Config& c, const Forward& run, const std::function<bool(std::int64_t layer)>& slides) {
  const auto heads = attention_heads(c), width = c.integer("head_dim", 64);
  auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", 8), width);
  const auto rotary = rotary_of(c, width);
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        attention.window = slides(layer) ? c.integer("sliding_window", 128) : 0;
        attention.sinks = run.values(at + "sinks");
        return forward::separate_attention(run, at, x, attention, rotary);
      },
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward_experts(c, run, at, x); }, 1e-5);
}

}  // namespace gpt_oss
