#pragma once
// What Qwen2, Qwen3 and Qwen3-MoE compute, as transformers writes it; all but a layer's feed-forward.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "decoder.hpp"

namespace qwen {

// `feed_forward(layer, at, x)` gives what follows the second norm; `at` is "model.layers.3.mlp.".
template <class FeedForward>
void forward_decoder(const Config& c, const Forward& run, const Heads& heads, Generation generation, FeedForward&& feed_forward) {
  const forward::Attention attention{.heads = heads.count, .groups = heads.groups, .width = heads.width, .values = heads.width,
                                     .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(heads.width)))};
  const auto rotary = forward::stated_rotary(c, 10000.0, heads.width);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  const auto head_norm = generation == Generation::qwen3 ? std::optional{norm} : std::nullopt;
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto normed = forward::rms_norm(x, run.values(layer + "input_layernorm.weight"), norm);
    forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed, attention, rotary, head_norm));
    forward::add(x, feed_forward(i, layer + "mlp.", forward::rms_norm(x, run.values(layer + "post_attention_layernorm.weight"), norm)));
    run.state(i, x);
  }
  run.logits(forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), c.flag("tie_word_embeddings")));
}

}  // namespace qwen
