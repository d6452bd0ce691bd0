#pragma once
// The decoder that most Hugging Face models are: x + attention(norm(x)), x + feed_forward(norm(x)), with the names that most of them use.

#include <weighbridge/forward/separate_projections.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// `attention(layer, at, x)` and `feed_forward(layer, at, x)` give what is added to the residual stream; `at` is
// "model.layers.3.self_attn." and "model.layers.3.mlp.", x the normed stream. `epsilon` where the config does not say.
template <class AttentionOf, class FeedForwardOf>
void pre_norm_decoder(const Config& c, const Forward& run, AttentionOf&& attention, FeedForwardOf&& feed_forward, double epsilon = 1e-6) {
  const Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", epsilon))};
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    add(x, attention(i, layer + "self_attn.", rms_norm(x, run.values(layer + "input_layernorm.weight"), norm)));
    add(x, feed_forward(i, layer + "mlp.", rms_norm(x, run.values(layer + "post_attention_layernorm.weight"), norm)));
    run.state(i, x);
  }
  run.logits(output(run, rms_norm(x, run.values("model.norm.weight"), norm), c.flag("tie_word_embeddings")));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
