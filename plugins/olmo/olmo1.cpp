#include "olmo1.hpp"

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <string>

namespace olmo {
namespace {

constexpr double kEpsilon = 1e-5;  // built in: its config.json does not say
constexpr RopeScalings kRope{.theta = 10000.0, .known = "OLMo has linear and default", .linear = true};

// Megatron's LayerNorm has a weight and a bias: ones and zeros compute the same.
void plain_norm(const Model& model, const MegatronLayer& decoder, const std::string& linear, std::int64_t hidden) {
  decoder[linear + "layer_norm_weight"] = replicated(model.filled(1.0, {hidden}));
  decoder[linear + "layer_norm_bias"] = replicated(model.filled(0.0, {hidden}));
}

}  // namespace

void Olmo1::equations(const Config& c, Model& model) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto heads = attention_heads(c);
  const GroupedAttention attention{hidden, heads, c.integer("num_key_value_heads", heads), head_width(c)};
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    plain_norm(model, decoder, "self_attention.linear_qkv.", hidden);
    grouped_projections(decoder, hf, attention);
    plain_norm(model, decoder, "mlp.linear_fc1.", hidden);
    gated_projections(decoder.under("mlp."), hf, "mlp.", ffn, hidden);
    model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
  }
  model["decoder.final_layernorm.weight"] = norm(model.filled(1.0, {hidden}));
  model["decoder.final_layernorm.bias"] = norm(model.filled(0.0, {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

void Olmo1::to_megatron(Config hf, Config megatron, Notes notes) {
  dense_decoder(megatron);
  weighbridge::to_megatron(kDecoderFields, hf, megatron);
  attention_to_megatron(hf, megatron, 0, 2048);
  dtype_to_megatron(hf, megatron);
  megatron.set("normalization", "LayerNorm");
  megatron.set("layernorm_epsilon", kEpsilon);
  if (hf.has("clip_qkv")) throw Failure("clip_qkv is " + std::to_string(hf.number("clip_qkv")) + "; Megatron-Core clips no queries, keys and values: only null can be represented");
  if (hf.flag("attention_bias")) throw Failure("attention_bias is true; Megatron would give the linear layers of the mlp a bias, too");
  rope_to_megatron(hf, megatron, notes, kRope);
}

void Olmo1::to_hugging_face(Config megatron, Config hf, Notes) {
  weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  if (megatron.number("layernorm_epsilon", kEpsilon) != kEpsilon)
    throw Failure("layernorm_epsilon is " + std::to_string(megatron.number("layernorm_epsilon")) + "; OLMo's is 1e-05 and cannot be another");
  hf.set_null("rms_norm_eps");
  hf.set_null("clip_qkv");
  hf.set("attention_bias", false);
  hf.set("rope_theta", megatron.number("rotary_base", kRope.theta));
  if (megatron.has("seq_len_interpolation_factor")) {  // its config class knows the older name of the type alone
    hf.set("rope_scaling.type", "linear");
    hf.set("rope_scaling.factor", megatron.number("seq_len_interpolation_factor"));
  } else {
    hf.set_null("rope_scaling");
  }
}

bool Olmo1::recognises(const Config& megatron) {
  for (const auto* other : {"num_moe_experts", "window_size", "no_rope_freq", "hybrid_layer_pattern", "mamba_stack_spec"})
    if (megatron.has(other)) return false;
  for (const auto* other : {"add_bias_linear", "add_qkv_bias", "qk_layernorm", "layernorm_zero_centered_gamma", "multi_latent_attention", "is_hybrid_model"})
    if (megatron.flag(other)) return false;
  return megatron.string("normalization", "") == "LayerNorm" && megatron.flag("gated_linear_unit") && megatron.string("activation_func", "silu") == "silu" &&
         megatron.number("rotary_percent", 1.0) == 1.0 && megatron.number("layernorm_epsilon", kEpsilon) == kEpsilon &&
         (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider"));
}

void Olmo1::forward_hugging_face(const Config& c, Forward& run) {
  const auto heads = attention_heads(c), width = head_width(c);
  const auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", heads), width);
  const auto rotary = forward::stated_rotary(c, kRope.theta, width);
  const auto normed = [](const forward::Matrix& x) { return forward::layer_norm(x, {}, {}, {.epsilon = static_cast<float>(kEpsilon)}); };
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed(x), attention, rotary));
    forward::add(x, forward::separate_gated(run, layer + "mlp.", normed(x)));
    run.state(i, x);
  }
  run.logits(forward::output(run, normed(x), c.flag("tie_word_embeddings")));
}

void Olmo1::forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }

}  // namespace olmo
