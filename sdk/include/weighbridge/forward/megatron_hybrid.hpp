#pragma once
// Megatron-Core's hybrid model: every layer is one mixer or one feed-forward, as its parameters say.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/megatron_attention.hpp>
#include <weighbridge/forward/megatron_feed_forward.hpp>
#include <weighbridge/forward/megatron_mixers.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

inline void megatron_hybrid(const Config& c, const Forward& run, const MegatronExtras& extras = {}) {
  auto x = run.embedded("embedding.word_embeddings.weight");
  run.state(-1, x);
  const auto layers = c.integer("num_layers");
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto layer = "decoder.layers." + std::to_string(i) + ".";
    if (run.has(layer + "mixer.out_proj.weight")) {
      add(x, megatron_mamba(c, run, layer + "mixer.", norm_before(c, run, layer + "mixer.in_proj.", layer + "norm.", x)));
    } else if (run.has(layer + "self_attention.linear_qkv.weight")) {
      add(x, megatron_self_attention(c, run, layer, x, megatron_attention(c, i)));
    } else {
      add(x, megatron_feed_forward(c, run, layer, i, x, extras));
    }
    run.state(i, x);
  }
  x = megatron_norm(c, run, "decoder.final_norm.", x);
  run.logits(run.linear(c.flag("share_embeddings_and_output_weights") ? "embedding.word_embeddings.weight" : "output_layer.weight", x));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
