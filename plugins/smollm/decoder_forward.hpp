#pragma once
// What SmolLM3 computes, as transformers writes it.

#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cstdint>
#include <string>

#include "layer_kinds.hpp"

namespace smollm {

inline void forward_decoder(const Config& c, const Forward& run) {
  const auto heads = attention_heads(c), width = head_width(c);
  auto attention = forward::grouped_queries(heads, groups_of(c), width);
  const auto rotary = forward::stated_rotary(c, kTheta, width);
  const auto kinds = kinds_of(c);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  const auto normed = [&](const forward::Matrix& x, const std::string& name) { return forward::rms_norm(x, run.values(name), norm); };
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto& kind = kinds[static_cast<std::size_t>(i)];
    attention.window = kind.slides ? c.integer("sliding_window") : 0;
    forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed(x, layer + "input_layernorm.weight"), attention,
                                                kind.positions ? rotary : forward::Rotary{}));
    forward::add(x, forward::separate_gated(run, layer + "mlp.", normed(x, layer + "post_attention_layernorm.weight")));
    run.state(i, x);
  }
  run.logits(forward::output(run, normed(x, "model.norm.weight"), is_tied(c)));
}

}  // namespace smollm
