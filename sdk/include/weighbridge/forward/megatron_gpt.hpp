#pragma once
// Megatron-Core's GPTModel as its document says, from the tokens to the logits.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/megatron_attention.hpp>
#include <weighbridge/forward/megatron_feed_forward.hpp>
#include <weighbridge/forward/megatron_mixers.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// What derived classes have of their own in a layer is changed by `adjust(layer, attention)`.
template <class Adjust>
void megatron_gpt(const Config& c, const Forward& run, const MegatronExtras& extras, Adjust&& adjust) {
  auto x = run.embedded("embedding.word_embeddings.weight");
  const auto multipliers = megatron_multipliers(c);
  scale(x, extras.embedding_scale * multipliers.embedding);
  run.state(-1, x);
  const auto layers = c.integer("num_layers");
  Selection selection;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto layer = "decoder.layers." + std::to_string(i) + ".";
    Matrix attended;
    if (c.flag("multi_latent_attention")) {
      attended = megatron_latent_attention(c, run, layer, x, extras, selection);
    } else if (const auto linear = layer + "self_attention."; run.has(linear + "out_norm.weight")) {
      attended = megatron_gated_delta(c, run, linear, x);
    } else {
      auto attention = megatron_attention(c, i);
      adjust(i, attention);
      attended = megatron_self_attention(c, run, layer, x, attention);
    }
    add(x, megatron_norm(c, run, layer + "self_attention.linear_proj.post_layernorm.", attended));
    const auto made = megatron_feed_forward(c, run, layer, i, x, extras);
    add(x, megatron_norm(c, run, layer + "mlp.linear_fc2.post_layernorm.", made));
    run.state(i, x);
  }
  x = megatron_norm(c, run, "decoder.final_layernorm.", x);
  // Tied, the output layer has no weight of its own.
  auto logits = run.linear(c.flag("share_embeddings_and_output_weights") ? "embedding.word_embeddings.weight" : "output_layer.weight", x);
  scale(logits, multipliers.logits);
  soft_cap(logits, extras.logit_cap);
  run.logits(logits);
}

inline void megatron_gpt(const Config& c, const Forward& run, const MegatronExtras& extras = {}) {
  megatron_gpt(c, run, extras, [](std::int64_t, MegatronAttention&) {});
}

// The same of a model that turns a part of each head with YaRN, too.
inline void megatron_gpt_of_parts(const Config& c, const Forward& run, const MegatronExtras& extras = {}) {
  const auto share = c.number("rotary_percent", 1.0);
  if (c.string("position_embedding_type", "") != "yarn" || share == 1) return megatron_gpt(c, run, extras);
  run.note("Megatron-Core's YaRN turns whole heads, transformers a part of each, which is what is compared");
  megatron_gpt(c, run, extras, [&](std::int64_t, MegatronAttention& a) {
    a.rotary = megatron_rotary(c, static_cast<std::int64_t>(static_cast<double>(a.core.width) * share));
  });
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
