#pragma once
// What Falcon-H1 computes, on either side.

#include <weighbridge/forward/fused_mixer.hpp>
#include <weighbridge/forward/megatron_feed_forward.hpp>
#include <weighbridge/forward/megatron_mixers.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cmath>
#include <cstdint>
#include <string>

namespace falcon_h1 {

using namespace weighbridge;

// The multipliers have the same names in both documents.
struct Multipliers {
  explicit Multipliers(const Config& c)
      : embedding{of(c, "embedding_multiplier")}, head{of(c, "lm_head_multiplier")}, key{of(c, "key_multiplier")},
        attention_in{of(c, "attention_in_multiplier")}, attention_out{of(c, "attention_out_multiplier")}, mixer_in{of(c, "ssm_in_multiplier")},
        mixer_out{of(c, "ssm_out_multiplier")}, gate{of(c, "mlp_multipliers.0")}, down{of(c, "mlp_multipliers.1")},
        mixer{of(c, "ssm_multipliers.0"), of(c, "ssm_multipliers.1"), of(c, "ssm_multipliers.2"), of(c, "ssm_multipliers.3"), of(c, "ssm_multipliers.4")} {}
  static float of(const Config& c, std::string_view field) { return static_cast<float>(c.number(field, 1.0)); }
  float embedding, head, key, attention_in, attention_out, mixer_in, mixer_out, gate, down;
  forward::MixerScales mixer;
};

inline forward::Matrix times(forward::Matrix x, float factor) {
  forward::scale(x, factor);
  return x;
}

inline void forward_model(const Config& c, const Forward& run, forward::Attention attention, const Mamba2& mamba) {
  const Multipliers m{c};
  attention.scale = m.key / std::sqrt(static_cast<float>(attention.width));  // keys are multiplied before they are turned
  const auto rotary = forward::stated_rotary(c, 10000.0, attention.width);
  const auto epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-5));
  const forward::Norm norm{.epsilon = epsilon};
  auto x = times(run.embedded("model.embed_tokens.weight"), m.embedding);
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers", 32); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto normed = forward::rms_norm(x, run.values(layer + "input_layernorm.weight"), norm);
    forward::add(x, times(forward::fused_mamba(run, layer + "mamba.", times(normed, m.mixer_in), mamba, epsilon, 0, m.mixer), m.mixer_out));
    forward::add(x, times(forward::separate_attention(run, layer + "self_attn.", times(normed, m.attention_in), attention, rotary), m.attention_out));
    const auto at = layer + "feed_forward.";
    const auto inner = forward::rms_norm(x, run.values(layer + "pre_ff_layernorm.weight"), norm);
    const auto made = forward::gated(times(run.module(at + "gate_proj.", inner), m.gate), run.module(at + "up_proj.", inner), {});
    forward::add(x, times(run.module(at + "down_proj.", made), m.down));
    run.state(i, x);
  }
  x = forward::rms_norm(x, run.values("model.final_layernorm.weight"), norm);
  run.logits(times(forward::output(run, x, c.flag("tie_word_embeddings")), m.head));
}

// Megatron-Bridge's model: Megatron-Core's mixer, attention and MLP in every layer, around one norm.
inline void forward_megatron_model(const Config& c, const Forward& run) {
  const Multipliers m{c};
  auto x = times(run.embedded("embedding.word_embeddings.weight"), m.embedding);
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_layers"); ++i) {
    const auto layer = "decoder.layers." + std::to_string(i) + ".", fc1 = layer + "mlp.linear_fc1.";
    const auto normed = forward::megatron_norm(c, run, layer + "norm.", x);
    forward::add(x, times(forward::megatron_mamba(c, run, layer + "mamba_mixer.", times(normed, m.mixer_in), m.mixer), m.mixer_out));
    auto attention = forward::megatron_attention(c, i);
    attention.core.scale *= m.key;
    forward::add(x, times(forward::megatron_self_attention(c, run, layer, times(normed, m.attention_in), attention), m.attention_out));
    const auto both = run.module(fc1, forward::norm_before(c, run, fc1, layer + "pre_mlp_layernorm.", x));
    const auto half = both.columns / 2;
    const auto inner = forward::gated(times(forward::columns(both, 0, half), m.gate), forward::columns(both, half, half), forward::megatron_gate(c));
    forward::add(x, times(run.module(layer + "mlp.linear_fc2.", inner), m.down));
    run.state(i, x);
  }
  x = forward::megatron_norm(c, run, "decoder.final_norm.", x);
  run.logits(times(run.linear(c.flag("share_embeddings_and_output_weights") ? "embedding.word_embeddings.weight" : "output_layer.weight", x), m.head));
}

}  // namespace falcon_h1
