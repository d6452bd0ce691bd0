#include "translation.hpp"

#include <weighbridge/layer_specification.hpp>
#include <weighbridge/translation.hpp>

#include <initializer_list>
#include <vector>

namespace qwen_next {

using namespace weighbridge;

namespace {

// Fields that only change their name, with one default in all three config classes.
constexpr Field kFields[] = {
    integer_field("num_attention_heads", "num_attention_heads", 16),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-6),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
    integer_field("linear_conv_kernel_dim", "linear_conv_kernel_dim", 4),
    integer_field("linear_key_head_dim", "linear_key_head_dim", 128),
    integer_field("linear_value_head_dim", "linear_value_head_dim", 128),
    integer_field("linear_num_key_heads", "linear_num_key_heads", 16),
    integer_field("linear_num_value_heads", "linear_num_value_heads", 32),
};

void set_pattern(const Config& document, std::string_view list, const std::vector<bool>& pattern) {
  document.set_list(list);
  for (std::size_t i = 0; i < pattern.size(); ++i) document.set(Config::at(list, static_cast<std::int64_t>(i)), pattern[i] ? 1 : 0);
}

// A pattern of layers as Megatron's documents state it: a list of 0 and 1, or a period.
std::vector<bool> pattern_of(const Config& megatron, std::string_view field, std::int64_t layers, bool (*periodic)(std::int64_t, std::int64_t)) {
  std::vector<bool> pattern;
  const bool list = megatron.has(Config::at(field, 0));
  if (list && megatron.find_count(field) != layers) throw Failure(std::string{field} + " does not state every layer");
  if (!list && megatron.integer(field) < 1) throw Failure(std::string{field} + " is less than 1");
  for (std::int64_t i = 0; i < layers; ++i)
    pattern.push_back(list ? megatron.integer(Config::at(field, i)) != 0 : periodic(i, megatron.integer(field)));
  return pattern;
}

// Takes a number over as it stands at the first of these places, whole or not; the default where it stands at none.
void take_number(const Config& to, std::string_view field, const Config& from, std::initializer_list<std::string> places, double otherwise) {
  for (const auto& place : places)
    if (from.find_number(place)) return to.copy(field, from, place);
  to.set(field, otherwise);
}

// Rotary embedding of a quarter of each head. The sections of 3.5 (mrope_section) are of image positions; those of
// text are equal, which makes it plain.
void rope_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  const auto rope = rope_of(hf, 10000.0);
  const auto inner = rope.at.empty() ? "" : rope.at + ".";
  take_number(megatron, "rotary_base", hf, {inner + "rope_theta", "rope_theta"}, 10000.0);
  take_number(megatron, "rotary_percent", hf, {inner + "partial_rotary_factor", "partial_rotary_factor"}, 0.25);
  if (rope.type != "default" && rope.type != "yarn") throw Failure(rope.at + " is of type " + rope.type + "; this family has default and yarn");
  if (rope.type == "default") return;
  yarn_to_megatron(hf, rope.at, megatron);
  tell_unrounded_yarn(hf, rope.at, notes);
}

// Qwen3-Next states it in fields of their own, 3.5 in rope_parameters.
void rope_to_hugging_face(const Config& megatron, const Config& hf, bool next) {
  const bool yarn = is_yarn(megatron);
  const std::string at = next || yarn ? "" : "rope_parameters.";
  take_number(hf, at + "rope_theta", megatron, {"rotary_base"}, 10000.0);
  take_number(hf, at + "partial_rotary_factor", megatron, {"rotary_percent"}, 0.25);
  if (yarn) yarn_to_hugging_face(megatron, hf);
  else if (next) hf.set_null("rope_scaling");
  else hf.set("rope_parameters.rope_type", "default");
}

// A softmax over the chosen experts is what norm_topk_prob makes of one over all.
void experts_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const Geometry& g, const Generation& generation) {
  const bool normalised = !generation.next || hf.flag("norm_topk_prob", true);
  const auto chosen = hf.integer("num_experts_per_tok", generation.experts_per_token);
  if (normalised && chosen == 1) throw Failure("num_experts_per_tok is 1; Megatron does not normalise the weight of one expert");
  megatron.set("num_moe_experts", g.experts);
  megatron.set("moe_ffn_hidden_size", g.expert_width);
  megatron.set("moe_shared_expert_intermediate_size", g.shared_width);
  megatron.set("moe_router_topk", chosen);
  megatron.set("moe_router_pre_softmax", !normalised);
  megatron.set("moe_router_load_balancing_type", "global_aux_loss");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* on : {"moe_grouped_gemm", "moe_permute_fusion", "moe_shared_expert_gate"}) megatron.set(on, true);
  if (generation.next) {
    megatron.set("moe_router_dtype", "fp32");
    megatron.set("moe_aux_loss_coeff", 0.001);
    if (hf.number("router_aux_loss_coef", 0.001) != 0.001)
      notes("router_aux_loss_coef is not 0.001, with which Megatron-Bridge trains Qwen3-Next; moe_aux_loss_coeff says 0.001");
  } else {
    take_number(megatron, "moe_aux_loss_coeff", hf, {"router_aux_loss_coef"}, 0.001);
  }
  std::vector<bool> sparse;
  bool all = true;
  for (std::int64_t i = 0; i < g.layers; ++i) {
    sparse.push_back(is_sparse(hf, generation, i));
    all = all && sparse.back();
  }
  if (all) megatron.set("moe_layer_freq", 1);
  else set_pattern(megatron, "moe_layer_freq", sparse);
}

void experts_to_hugging_face(const Config& megatron, const Config& hf, const Generation& generation) {
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", 2));
  hf.set("moe_intermediate_size", megatron.integer(megatron.has("moe_ffn_hidden_size") ? "moe_ffn_hidden_size" : "ffn_hidden_size"));
  hf.set("shared_expert_intermediate_size", megatron.integer("moe_shared_expert_intermediate_size"));
  // Megatron-LM may balance in several ways at a time, with a list of coefficients.
  take_number(hf, "router_aux_loss_coef", megatron, {"moe_aux_loss_coeff.0", "moe_aux_loss_coeff"}, 0.001);
  hf.set("output_router_logits", false);
  const auto layers = megatron.integer("num_layers");
  std::vector<std::int64_t> dense;
  if (megatron.has("moe_layer_freq")) {
    const auto sparse = pattern_of(megatron, "moe_layer_freq", layers, [](std::int64_t i, std::int64_t period) { return i % period == 0; });
    for (std::int64_t i = 0; i < layers; ++i)
      if (!sparse[static_cast<std::size_t>(i)]) dense.push_back(i);
  }
  const bool pre_softmax = megatron.flag("moe_router_pre_softmax");
  if (!generation.next) {
    if (!dense.empty()) throw Failure("moe_layer_freq leaves layers without experts; Qwen3.5 has none such");
    if (pre_softmax) throw Failure("moe_router_pre_softmax is true; Qwen3.5 normalises the weights of the chosen experts");
    return;
  }
  hf.set("norm_topk_prob", !pre_softmax);
  hf.set("decoder_sparse_step", 1);
  hf.set_list("mlp_only_layers");
  for (std::size_t i = 0; i < dense.size(); ++i) hf.set(Config::at("mlp_only_layers", static_cast<std::int64_t>(i)), dense[i]);
}

// layer_types, and full_attention_interval where they have one.
void layer_types_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto layers = megatron.integer("num_layers");
  const auto linear = pattern_of(megatron, "linear_attention_freq", layers,
                                 [](std::int64_t i, std::int64_t period) { return (i + 1) % period != 0; });
  std::int64_t interval = 1;
  while (interval <= layers && linear[static_cast<std::size_t>(interval - 1)]) ++interval;
  bool regular = true;
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < layers; ++i) {
    const bool is = linear[static_cast<std::size_t>(i)];
    hf.set(Config::at("layer_types", i), is ? "linear_attention" : "full_attention");
    regular = regular && is == ((i + 1) % interval != 0);
  }
  if (regular) hf.set("full_attention_interval", interval);
}

}  // namespace

Predictions predictions_of(const Config& hf, const Geometry& g) {
  const auto stated = stated_predictions(hf);
  if (stated == 0) return {0, {}};
  if (is_linear(hf, g.layers - 1))
    return {0, "the last layer is linear attention; Megatron's layers of multi-token prediction are like the last layer, those of the model "
               "have full attention and are left out"};
  if (hf.has_source() && !hf.source_has("mtp.norm.weight"))
    return {0, "config.json states multi-token prediction (" + std::to_string(stated) + "), but there are no mtp.* tensors, which transformers "
               "leaves out when it saves; the model is converted without"};
  return {stated, {}};
}

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const Generation& generation) {
  const auto g = geometry_of(hf, generation);
  dense_decoder(megatron);
  to_megatron(kFields, hf, megatron);
  dtype_to_megatron(hf, megatron);
  megatron.set("autocast_dtype", "bfloat16");
  megatron.set("num_layers", g.layers);
  megatron.set("hidden_size", g.hidden);
  megatron.set("num_query_groups", g.groups);
  megatron.set("kv_channels", g.width);
  megatron.set("seq_length", hf.integer("max_position_embeddings", 32768));
  megatron.set("vocab_size", g.rows);
  megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(g.rows));
  if (g.ffn > 0) megatron.set("ffn_hidden_size", g.ffn);
  megatron.set("add_qkv_bias", false);
  for (const auto* on : {"qk_layernorm", "layernorm_zero_centered_gamma", "attention_output_gate"}) megatron.set(on, true);
  rope_to_megatron(hf, megatron, notes);

  layers_of_an_attention_variant(megatron);
  megatron.set("experimental_attention_variant", "gated_delta_net");
  megatron.set("hetereogenous_dist_checkpoint", true);  // sic; every layer has keys of its own
  std::vector<bool> linear;
  for (std::int64_t i = 0; i < g.layers; ++i) linear.push_back(is_linear(hf, i));
  set_pattern(megatron, "linear_attention_freq", linear);

  if (g.experts > 0) experts_to_megatron(hf, megatron, notes, g, generation);
  const auto predictions = predictions_of(hf, g);
  if (!predictions.why_none.empty()) notes(predictions.why_none);
  if (predictions.count == 0) return;
  megatron.set("mtp_num_layers", predictions.count);
  megatron.set("mtp_loss_scaling_factor", 0.1);
}

void config_to_hugging_face(const Config& megatron, const Config& hf, const Generation& generation) {
  to_hugging_face(kFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  hf.set("num_hidden_layers", megatron.integer("num_layers"));
  hf.set("hidden_size", megatron.integer("hidden_size"));
  hf.set("vocab_size", megatron.integer("vocab_size"));
  if (generation.ffn > 0) hf.set("intermediate_size", megatron.integer("ffn_hidden_size"));
  if (megatron.flag("add_qkv_bias")) throw Failure("add_qkv_bias is true; the equations of this family have no biases");
  hf.set("attention_bias", false);
  layer_types_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf, generation.next);
  if (generation.experts > 0) experts_to_hugging_face(megatron, hf, generation);
  if (!generation.next) hf.set("attn_output_gate", true);
  const auto predictions = megatron.integer("mtp_num_layers", 0);
  if (predictions > 0 || !generation.next) hf.set("mtp_num_hidden_layers", predictions);
}

bool is_gated_delta_net(const Config& megatron) {
  const auto variant = megatron.string("experimental_attention_variant", ""), position = megatron.string("position_embedding_type", "rope");
  const auto provider = megatron.string("_target_", "");
  return (variant == "gated_delta_net" || variant == "gdn") && megatron.flag("layernorm_zero_centered_gamma") &&
         megatron.flag("attention_output_gate") && megatron.flag("qk_layernorm") && !megatron.flag("multi_latent_attention") &&
         megatron.string("activation_func", "silu") == "silu" && !megatron.flag("add_bias_linear") &&
         (position == "rope" || position == "yarn") && (provider.empty() || provider == "megatron.bridge.models.gpt_provider.GPTModelProvider");
}

bool has_experts(const Config& megatron) { return megatron.has("num_moe_experts"); }

bool has_shared_expert(const Config& megatron) {
  return megatron.has("moe_shared_expert_intermediate_size") && megatron.flag("moe_shared_expert_gate") &&
         megatron.string("moe_router_score_function", "softmax") == "softmax" && !megatron.flag("moe_router_enable_expert_bias");
}

}  // namespace qwen_next
