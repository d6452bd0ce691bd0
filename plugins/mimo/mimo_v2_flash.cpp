// MiMo-V2-Flash.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm. A layer attends to everything or, by hybrid_layer_pattern, to a
//   window, with key and value groups of another number, another rotary base and a sink in the softmax of each head. A
//   value is narrower than a key. moe_layer_freq says which mlps are mixtures of experts, scored by sigmoid and a learned
//   bias. Layers that predict further tokens are dense, with a window.

#include "mimo_v2_flash.hpp"

#include <weighbridge/experts.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/translation.hpp>

#include <optional>
#include <string>

#include "mimo_v2_geometry.hpp"

namespace mimo {
namespace {

using namespace weighbridge;

constexpr std::string_view kProvider = "megatron.bridge.models.mimo_v2_flash.mimo_v2_flash_provider.MiMoV2FlashModelProvider";
constexpr std::string_view kLayerSpec = "megatron.bridge.models.mimo_v2_flash.modeling_mimo_v2_flash.mimo_v2_flash_layer_spec";

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers"),
    integer_field("hidden_size", "hidden_size"),
    integer_field("intermediate_size", "ffn_hidden_size"),
    integer_field("num_attention_heads", "num_attention_heads"),
    integer_field("vocab_size", "vocab_size"),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("layernorm_epsilon", "layernorm_epsilon", 1e-6),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
    flag_field("attention_bias", "add_qkv_bias", false),
    integer_field("n_routed_experts", "num_moe_experts"),
    integer_field("num_experts_per_tok", "moe_router_topk"),
    integer_field("moe_intermediate_size", "moe_ffn_hidden_size"),
};

// Published files do not say how many layers predict further tokens; their tensors do.
std::optional<std::int64_t> predictions_of(const Config& c) {
  if (!c.has_source()) return c.find_integer("num_nextn_predict_layers");
  std::int64_t count = 0;
  while (c.source_has("model.mtp.layers." + std::to_string(count) + ".eh_proj.weight")) ++count;
  return count;
}

struct Attention {
  std::int64_t hidden{}, heads{}, width{}, value_width{};
  bool biases{};
};

void attention_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Attention& a, std::int64_t groups, bool window) {
  const auto query = a.heads * a.width, key = groups * a.width, value = groups * a.value_width;
  layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {a.hidden}));
  layer["self_attention.linear_qkv.weight"] = column(interleave(groups,
      hf("self_attn.q_proj.weight", {query, a.hidden}),
      hf("self_attn.k_proj.weight", {key, a.hidden}),
      hf("self_attn.v_proj.weight", {value, a.hidden})));
  if (a.biases)
    layer["self_attention.linear_qkv.bias"] = column(interleave(groups,
        hf("self_attn.q_proj.bias", {query}), hf("self_attn.k_proj.bias", {key}), hf("self_attn.v_proj.bias", {value})));
  if (window) layer["self_attention.core_attention.softmax_offset"] = column(hf("self_attn.attention_sink_bias", {a.heads}));
  layer["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {a.hidden, a.heads * a.value_width}));
}

// What Megatron-Bridge's model cannot be told.
void check(const Config& hf) {
  const auto same = [&](const char* window, const char* everywhere, std::int64_t expected) {
    if (const auto found = hf.integer(window, expected); found != expected)
      throw Failure(std::string{window} + " is " + std::to_string(found) + " and " + everywhere + " " + std::to_string(expected) +
                    "; Megatron-Bridge has one number for both");
  };
  same("swa_num_attention_heads", "num_attention_heads", hf.integer("num_attention_heads"));
  same("swa_head_dim", "head_dim", head_width(hf));
  same("swa_v_head_dim", "v_head_dim", value_width(hf));
  if (!hf.flag("add_swa_attention_sink_bias", true))
    throw Failure("add_swa_attention_sink_bias is false; Megatron's layers with a window have sinks");
  if (hf.flag("add_full_attention_sink_bias"))
    throw Failure("add_full_attention_sink_bias is true; Megatron's layers without a window have no sinks");
  if (hf.integer("n_shared_experts", 0) != 0) throw Failure("n_shared_experts is not 0; MiMo-V2-Flash's equations have no shared experts");
  if (const auto scores = hf.string("scoring_func", "sigmoid"); scores != "sigmoid")
    throw Failure("scoring_func is " + scores + "; MiMo-V2-Flash scores experts by sigmoid");
  if (const auto activation = hf.string("hidden_act", "silu"); activation != "silu")
    throw Failure("hidden_act is " + activation + "; MiMo-V2-Flash computes with silu");
  if (const auto rope = rope_of(hf, 10000.0); rope.type != "default")
    throw Failure(rope.at + " is of type " + rope.type + "; Megatron-Bridge's two rotary bases have no scaling");
}

}  // namespace

void V2Flash::to_megatron(Config hf, Config megatron, Notes notes) {
  check(hf);
  megatron.set("_target_", kProvider);
  megatron.set("transformer_layer_spec._call_", false);
  megatron.set("transformer_layer_spec._target_", kLayerSpec);
  dense_decoder(megatron);
  weighbridge::to_megatron(kFields, hf, megatron);
  dtype_to_megatron(hf, megatron);
  megatron.set("hidden_dropout", hf.number("hidden_dropout", 0.1));  // Megatron-Core's own default, which Megatron-Bridge leaves
  megatron.set("seq_length", hf.integer("max_position_embeddings", 32768));
  megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size")));

  const auto layers = hf.integer("num_hidden_layers");
  const auto groups = groups_of(hf);
  megatron.set("num_query_groups", groups.everywhere);
  megatron.set("full_attn_num_query_groups", groups.everywhere);
  megatron.set("swa_num_query_groups", groups.window);
  megatron.set("kv_channels", head_width(hf));
  megatron.set("v_head_dim", value_width(hf));
  megatron.copy("attention_value_scale", hf, "attention_value_scale");
  megatron.set("window_size", hf.has("sliding_window_size") ? hf.integer("sliding_window_size") : hf.integer("sliding_window"));
  megatron.set("rotary_percent", hf.number("partial_rotary_factor", hf.number("rope_parameters.partial_rotary_factor", 1.0)));
  const std::string theta = hf.has("rope_parameters.rope_theta") ? "rope_parameters.rope_theta" : "rope_theta";
  megatron.set_list("rotary_base");  // of layers with a window, of the others
  megatron.copy("rotary_base.0", hf, hf.has("swa_rope_theta") ? "swa_rope_theta" : theta);
  megatron.copy("rotary_base.1", hf, theta);
  for (const auto* list : {"hybrid_attention_pattern", "moe_layer_freq"}) megatron.set_list(list);
  for (std::int64_t i = 0; i < layers; ++i) {
    megatron.set(Config::at("hybrid_attention_pattern", i), has_window(hf, i) ? 1 : 0);
    megatron.set(Config::at("moe_layer_freq", i), is_mixture(hf, i) ? 1 : 0);
  }

  megatron.set("moe_router_score_function", "sigmoid");
  megatron.set("moe_router_load_balancing_type", "none");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  for (const auto* flag : {"moe_router_enable_expert_bias", "moe_grouped_gemm", "moe_router_pre_softmax"}) megatron.set(flag, true);
  megatron.copy("moe_router_num_groups", hf, "n_group");
  megatron.copy("moe_router_group_topk", hf, "topk_group");
  megatron.copy("moe_router_topk_scaling_factor", hf, "routed_scaling_factor");
  if (!hf.flag("norm_topk_prob", true))
    notes("norm_topk_prob is false; Megatron-Core makes the weights of the chosen experts sum to 1, so a run there weighs them otherwise; "
          "exporting with this checkpoint as --hf-model keeps it");
  if (const auto predictions = predictions_of(hf)) megatron.set("mtp_num_layers", *predictions);
}

void V2Flash::to_hugging_face(Config megatron, Config hf, Notes) {
  weighbridge::to_hugging_face(kFields, megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  const auto heads = megatron.integer("num_attention_heads"), layers = megatron.integer("num_layers");
  const auto width = megatron.integer("kv_channels"), value_width = megatron.integer("v_head_dim", width);
  const auto groups = megatron.integer("full_attn_num_query_groups", megatron.integer("num_query_groups", heads));
  hf.set("head_dim", width);
  hf.set("swa_head_dim", width);
  hf.set("v_head_dim", value_width);
  hf.set("swa_v_head_dim", value_width);
  hf.set("swa_num_attention_heads", heads);
  hf.set("num_key_value_heads", groups);
  hf.set("swa_num_key_value_heads", megatron.integer("swa_num_query_groups", groups));
  hf.set("max_position_embeddings", megatron.integer("seq_length"));
  const auto window = megatron.integer(megatron.has("window_size.0") ? "window_size.0" : "window_size");
  for (const auto* field : {"sliding_window", "sliding_window_size", "attention_chunk_size"}) hf.set(field, window);
  hf.copy("attention_value_scale", megatron, "attention_value_scale");
  hf.set("partial_rotary_factor", megatron.number("rotary_percent", 1.0));
  hf.copy("swa_rope_theta", megatron, "rotary_base.0");
  hf.copy("rope_theta", megatron, "rotary_base.1");
  for (const auto* list : {"hybrid_layer_pattern", "moe_layer_freq"}) hf.set_list(list);
  for (std::int64_t i = 0; i < layers; ++i) {
    hf.set(Config::at("hybrid_layer_pattern", i), megatron.integer(Config::at("hybrid_attention_pattern", i)));
    hf.set(Config::at("moe_layer_freq", i), megatron.integer(Config::at("moe_layer_freq", i)));
  }
  hf.set("n_group", megatron.integer("moe_router_num_groups", 1));
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set_null("routed_scaling_factor");
  hf.copy("routed_scaling_factor", megatron, "moe_router_topk_scaling_factor");
  hf.set_null("n_shared_experts");
  hf.set("topk_method", "noaux_tc");
  hf.set("scoring_func", "sigmoid");
  hf.set("norm_topk_prob", true);
  hf.set("add_swa_attention_sink_bias", true);
  hf.set("add_full_attention_sink_bias", false);
  hf.set("hidden_act", "silu");
  hf.set("use_cache", true);
  hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
  hf.set("auto_map.AutoConfig", "configuration_mimo_v2_flash.MiMoV2FlashConfig");
  hf.set("auto_map.AutoModel", "modeling_mimo_v2_flash.MiMoV2FlashModel");
  hf.set("auto_map.AutoModelForCausalLM", "modeling_mimo_v2_flash.MiMoV2FlashForCausalLM");
}

bool V2Flash::recognises(const Config& megatron) {
  return names_no_builder(megatron) ? megatron.has("hybrid_attention_pattern") : is_built_by(megatron, "MiMoV2FlashModelProvider");
}

void V2Flash::equations(const Config& c, Model& model) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const Attention attention{hidden, c.integer("num_attention_heads"), head_width(c), value_width(c), c.flag("attention_bias")};
  const auto groups = groups_of(c);

  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    const bool window = has_window(c, index);
    attention_equations(decoder, hf, attention, window ? groups.window : groups.everywhere, window);
    if (is_mixture(c, index)) expert_mixture(decoder, hf, {hidden, c.integer("n_routed_experts"), c.integer("moe_intermediate_size"), 0, true});
    else gated_mlp(decoder, hf, ffn, hidden);
  }
  const auto predictions = model.megatron().integer("mtp_num_layers", predictions_of(c).value_or(0));
  for (const auto& [mtp, hf, index] : model.layers("mtp.layers.", "model.mtp.layers.", predictions)) {
    mtp["enorm.weight"] = norm(hf("enorm.weight", {hidden}));
    mtp["hnorm.weight"] = norm(hf("hnorm.weight", {hidden}));
    mtp["eh_proj.weight"] = column(hf("eh_proj.weight", {hidden, 2 * hidden}));
    attention_equations(mtp.under("transformer_layer."), hf, attention, groups.window, true);
    mtp["transformer_layer.mlp.linear_fc1.layer_norm_weight"] = replicated(hf("pre_mlp_layernorm.weight", {hidden}));
    gated_projections(mtp.under("transformer_layer.mlp."), hf, "mlp.", ffn, hidden);
    mtp["final_layernorm.weight"] = norm(hf("final_layernorm.weight", {hidden}));
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
}

}  // namespace mimo
