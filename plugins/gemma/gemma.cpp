// Gemma 1, 2 and 3: the equations. Weights of norms are zero-centred on both sides (x * (1 + w)), so they stay as they are.
//
//   Gemma 1  Llama's block with GELU.
//   Gemma 2  norms after attention and feed-forward, too.
//   Gemma 3  a norm over each head of q and k besides.

#include "gemma.hpp"

#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>

#include "generations.hpp"

#include <cmath>
#include <utility>

namespace gemma {
namespace {

void decoder_equations(const Config& c, Model& model, Generation generation) {
  const auto sizes = sizes_of(c, generation);
  const auto hidden = sizes.hidden, ffn = sizes.ffn;
  const GroupedAttention attention{hidden, sizes.heads, sizes.groups, sizes.width};

  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {sizes.rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", sizes.layers)) {
    grouped_attention(decoder, hf, attention);
    if (generation == Generation::second) decoder["self_attention.core_attention"] = module_state(WB_EXTRA_ABSENT);  // it caps logits itself
    if (generation == Generation::third) head_norms(decoder, hf, sizes.width);
    if (generation == Generation::first) {
      decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
    } else {
      decoder["self_attention.linear_proj.post_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));
      decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("pre_feedforward_layernorm.weight", {hidden}));
      decoder["mlp.linear_fc2.post_layernorm.weight"] = norm(hf("post_feedforward_layernorm.weight", {hidden}));
    }
    gated_projections(decoder.under("mlp."), hf, "mlp.", ffn, hidden);
  }
  output_equations(c, model, sizes);
}

void config_to_megatron(const Config& hf, const Config& megatron, Generation generation) {
  decoder_to_megatron(hf, megatron, sizes_of(hf, generation));
  megatron.set("layernorm_zero_centered_gamma", true);
  megatron.set("qk_layernorm", generation == Generation::third);
  if (hf.flag("use_bidirectional_attention"))
    throw Failure("use_bidirectional_attention is true; Megatron's Gemma attends only to what comes before");
  if (generation != Generation::first) check_activation(hf);
}

// One base for all layers, unscaled.
void rope_to_megatron(const Config& hf, const Config& megatron) {
  const auto rope = rope_of(hf, 10000.0);
  if (rope.type != "default") throw Failure(rope.at + " is of type " + rope.type + "; Megatron's Gemma scales no positions");
  copy_number(hf, first_of(hf, {"rope_theta", "rope_parameters.rope_theta"}), megatron, "rotary_base", 10000.0);
}

void rope_to_hugging_face(const Config& megatron, const Config& hf) {
  copy_number(megatron, "rotary_base", hf, "rope_theta", 10000.0);
  hf.set_null("rope_scaling");
}

void config_to_hugging_face(const Config& megatron, const Config& hf) {
  decoder_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
}

// Gemma 3 turns positions by one base in layers with a window and by another one, scaled, in global ones. Newer files
// state both below rope_parameters.
void ropes_to_megatron(const Config& hf, const Config& megatron) {
  megatron.set_list("rotary_base");
  copy_number(hf, first_of(hf, {"rope_parameters.sliding_attention.rope_theta", "rope_local_base_freq",
                                "rope_parameters.rope_local_base_freq", "rope_parameters.local.base"}),
              megatron, "rotary_base.0", 1e4);
  copy_number(hf, first_of(hf, {"rope_parameters.full_attention.rope_theta", "rope_theta", "rope_parameters.rope_theta",
                                "rope_parameters.global.base"}),
              megatron, "rotary_base.1", 1e6);
  megatron.set("rope_scaling_factor", 1.0);
  for (const std::string at : {"rope_parameters", "rope_parameters.full_attention", "rope_scaling", "rope_parameters.sliding_attention"}) {
    if (!hf.has(at)) continue;
    const auto type = hf.string(at + ".rope_type", hf.string(at + ".type", "default"));
    if (type == "linear" && at != "rope_parameters.sliding_attention") megatron.copy("rope_scaling_factor", hf, at + ".factor");
    else if (type != "default") throw Failure(at + " is of type " + type + "; Megatron's Gemma 3 has linear for global layers and default");
  }
}

void ropes_to_hugging_face(const Config& megatron, const Config& hf) {
  copy_number(megatron, "rotary_base.0", hf, "rope_local_base_freq", 1e4);
  copy_number(megatron, "rotary_base.1", hf, "rope_theta", 1e6);
  if (megatron.number("rope_scaling_factor", 1.0) == 1.0) {
    hf.set_null("rope_scaling");
  } else {
    hf.copy("rope_scaling.factor", megatron, "rope_scaling_factor");
    hf.set("rope_scaling.rope_type", "linear");
  }
}

}  // namespace

void Gemma1::to_megatron(Config hf, Config megatron, Notes notes) {
  megatron.set("_target_", "megatron.bridge.models.gemma.gemma_provider.GemmaModelProvider");
  config_to_megatron(hf, megatron, Generation::first);
  rope_to_megatron(hf, megatron);
  const auto activation = hf.string("hidden_activation", hf.string("hidden_act", "gelu_pytorch_tanh"));
  if (activation == "gelu") notes("hidden_act is gelu, as in old files of Gemma 1, which was trained with gelu_pytorch_tanh: Megatron gets that");
  else if (activation != "gelu_pytorch_tanh") throw Failure("hidden_act is " + activation + "; Gemma computes with gelu_pytorch_tanh");
}

void Gemma1::to_hugging_face(Config megatron, Config hf, Notes) {
  config_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf);
  hf.set("hidden_act", "gelu_pytorch_tanh");
}

void Gemma1::equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::first); }
bool Gemma1::recognises(const Config& megatron) { return is_provider(megatron, "gemma_provider.GemmaModelProvider"); }

// Every layer of an odd number, counted from 1, has a window: a query sees itself and sliding_window - 1 keys before it.
void Gemma2::to_megatron(Config hf, Config megatron, Notes) {
  megatron.set("_target_", "megatron.bridge.models.gemma.gemma2_provider.Gemma2ModelProvider");
  config_to_megatron(hf, megatron, Generation::second);
  rope_to_megatron(hf, megatron);
  const auto global = global_layers(hf, sizes_of(hf, Generation::second).layers, 2);
  for (std::size_t i = 0; i < global.size(); ++i)
    if (global[i] != (i % 2 == 1)) throw Failure("layer_types does not alternate from sliding_attention on; Megatron's Gemma 2 does");
  window_size_to_megatron(hf.integer("sliding_window", 4096), megatron);
  megatron.set("query_pre_attn_scalar", hf.integer("query_pre_attn_scalar", 256));
  for (const auto& [name, otherwise] : {std::pair{"attn_logit_softcapping", 50.0}, std::pair{"final_logit_softcapping", 30.0}}) {
    if (hf.is_null(name)) megatron.set_null(name);
    else copy_number(hf, name, megatron, name, otherwise);
  }
}

void Gemma2::to_hugging_face(Config megatron, Config hf, Notes) {
  config_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf);
  hf.set("hidden_activation", "gelu_pytorch_tanh");
  hf.set("sliding_window", megatron.integer("window_size.0") + 1);
  hf.copy("query_pre_attn_scalar", megatron, "query_pre_attn_scalar");
  for (const auto* name : {"attn_logit_softcapping", "final_logit_softcapping"}) copy_or_null(megatron, name, hf, name);
}

void Gemma2::equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::second); }
bool Gemma2::recognises(const Config& megatron) { return is_provider(megatron, "gemma2_provider.Gemma2ModelProvider"); }

// So many layers with a window, then one without, over and over: five and one where nothing is said.
void Gemma3::to_megatron(Config hf, Config megatron, Notes) {
  megatron.set("_target_", "megatron.bridge.models.gemma.gemma3_provider.Gemma3ModelProvider");
  config_to_megatron(hf, megatron, Generation::third);
  ropes_to_megatron(hf, megatron);
  megatron.set("window_size", hf.integer("sliding_window", 4096));
  megatron.set("softmax_scale", 1.0 / std::sqrt(hf.number("query_pre_attn_scalar", 256)));
  pattern_to_megatron(global_layers(hf, sizes_of(hf, Generation::third).layers, hf.integer("sliding_window_pattern", 6)), megatron);
  for (const auto* name : {"attn_logit_softcapping", "final_logit_softcapping"})
    if (hf.has(name)) throw Failure(std::string{name} + " has a value; Megatron's Gemma 3 caps no logits");
}

void Gemma3::to_hugging_face(Config megatron, Config hf, Notes) {
  config_to_hugging_face(megatron, hf);
  ropes_to_hugging_face(megatron, hf);
  hf.set("hidden_activation", "gelu_pytorch_tanh");
  hf.set("sliding_window", megatron.integer("window_size"));
  hf.set("sliding_window_pattern", period_of(megatron));
  const auto scale = megatron.number("softmax_scale", 1.0 / 16), scalar = 1.0 / (scale * scale), whole = std::round(scalar);
  if (std::abs(scalar - whole) < 1e-9) hf.set("query_pre_attn_scalar", static_cast<std::int64_t>(whole));
  else hf.set("query_pre_attn_scalar", scalar);
  for (const auto* name : {"attn_logit_softcapping", "final_logit_softcapping"}) hf.set_null(name);
}

void Gemma3::equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::third); }
bool Gemma3::recognises(const Config& megatron) { return is_provider(megatron, "gemma3_provider.Gemma3ModelProvider"); }

}  // namespace gemma

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<gemma::Gemma1, gemma::Gemma2, gemma::Gemma3, gemma::Gemma4>("gemma", "1.0.0"); }
