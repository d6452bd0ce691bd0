#include "translation.hpp"

#include <weighbridge/translation.hpp>

#include <string>

#include "geometry.hpp"

namespace stepfun {
namespace {

using namespace weighbridge;

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers", 45),
    integer_field("hidden_size", "hidden_size", 4096),
    integer_field("intermediate_size", "ffn_hidden_size", 11264),
    integer_field("vocab_size", "vocab_size", 128815),
    integer_field("max_position_embeddings", "seq_length", 128000),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-5),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
    flag_field("zero_centered", "layernorm_zero_centered_gamma", true),
    flag_field("use_head_wise_attn_gate", "head_wise_attn_gate", true),
};

void check(const Config& hf, const Notes& notes) {
  for (const auto* other : {"attention_bias", "mlp_bias", "sink"})
    if (hf.flag(other)) throw Failure(std::string{other} + " is true; Step-3.5's equations have no place for it");
  if (!hf.flag("use_moe", true)) throw Failure("use_moe is false; Step-3.5's layers of moe_layers_enum are mixtures of experts");
  if (const auto activation = hf.string("hidden_act", "silu"); activation != "silu")
    throw Failure("hidden_act is " + activation + "; Step-3.5 computes with silu");
  const auto elsewhere = [&](std::string_view field, std::string_view why) {
    notes(std::string{field} + ": " + std::string{why} +
          ", so a run there computes otherwise; exporting with this checkpoint as --hf-model keeps it");
  };
  if (!hf.flag("norm_expert_weight", true))
    elsewhere("norm_expert_weight is false", "Megatron-Core makes the weights of the chosen experts sum to 1");
  for (std::int64_t i = 0; i < hf.find_count("use_rope_layers").value_or(0); ++i)
    if (hf.integer(Config::at("use_rope_layers", i)) == 0)
      throw Failure(Config::at("use_rope_layers", i) + " is 0; Megatron turns the heads of all layers of Step-3.5");
  if (hf.has("partial_rotary_factors") || hf.has("swiglu_limits"))
    elsewhere("partial_rotary_factors, swiglu_limits", "Megatron-Bridge forgets them when it loads a checkpoint");
}

// A base for each layer, or one. The scaling of YaRN is of all layers.
void rope_to_megatron(const Config& hf, const Geometry& g, const Config& megatron, const Notes& notes) {
  megatron.set("rotary_percent", 1.0);
  megatron.adopt("rotary_percents", "partial_rotary_factors");
  if (hf.has("rope_theta.0")) {
    megatron.set("rotary_base", hf.number("rope_theta.0"));
    megatron.set_list("rotary_base_per_layer");
    for (std::int64_t i = 0; i < *hf.find_count("rope_theta"); ++i)
      megatron.set(Config::at("rotary_base_per_layer", i), hf.number(Config::at("rope_theta", i)));
  } else if (hf.has("rope_parameters.full_attention") || hf.has("rope_parameters.sliding_attention")) {  // as newer files say it
    std::int64_t i = 0;
    megatron.set_list("rotary_base_per_layer");
    if (!megatron.has("rotary_percents")) megatron.set_list("rotary_percents");
    for (const auto* layers : {&g.layers, &g.predictions})
      for (const auto& layer : *layers) {
        const std::string at = layer.window ? "rope_parameters.sliding_attention" : "rope_parameters.full_attention";
        megatron.set(Config::at("rotary_base_per_layer", i), hf.number(at + ".rope_theta", 10000.0));
        megatron.set(Config::at("rotary_percents", i++), hf.number(at + ".partial_rotary_factor", 1.0));
      }
    megatron.set("rotary_base", megatron.number("rotary_base_per_layer.0"));
  } else {
    megatron.set("rotary_base", hf.number("rope_theta", hf.number("rope_parameters.rope_theta", 10000.0)));
  }
  const auto type = hf.string("rope_scaling.rope_type", hf.string("rope_scaling.type", "default"));
  if (type == "yarn") {
    yarn_to_megatron(hf, "rope_scaling", megatron);
    tell_unrounded_yarn(hf, "rope_scaling", notes);
  } else if (type != "default") {
    notes("rope_scaling is of type " + type + ", which Megatron-Bridge does not compute for this model: a run there has other positions beyond the "
          "original length; exporting with this checkpoint as --hf-model keeps it");
  }
}

void layers_to_megatron(const Config& hf, const Geometry& g, const Config& megatron) {
  std::int64_t i = 0;
  if (g.types_stated) {
    megatron.set_list("layer_types");
    for (const auto* layers : {&g.layers, &g.predictions})
      for (const auto& layer : *layers) megatron.set(Config::at("layer_types", i++), layer.window ? "sliding_attention" : "full_attention");
  }
  megatron.set_list("moe_layer_freq");
  for (i = 0; i < static_cast<std::int64_t>(g.layers.size()); ++i)
    megatron.set(Config::at("moe_layer_freq", i), g.layers[static_cast<std::size_t>(i)].mixture ? 1 : 0);
  megatron.set("num_attention_heads", g.everywhere.count);
  megatron.set("num_query_groups", g.everywhere.groups);
  megatron.set("kv_channels", g.everywhere.width);
  const std::string window = "sliding_attention_setting.";
  megatron.set(window + "num_attention_heads", g.window.count);
  megatron.set(window + "num_query_groups", g.window.groups);
  megatron.set(window + "kv_channels", g.window.width);
  megatron.set_list(window + "window_size");
  megatron.set(window + "window_size.0", hf.integer("sliding_window", 512));  // one more key than Hugging Face: Megatron-Bridge's reading
  megatron.set(window + "window_size.1", 0);
}

void experts_to_megatron(const Config& hf, const Geometry& g, const Config& megatron) {
  megatron.set("num_moe_experts", g.experts);
  megatron.set("moe_router_topk", g.chosen);
  megatron.set("moe_ffn_hidden_size", g.expert_width);
  megatron.set("moe_shared_expert_intermediate_size", g.shared_width);
  megatron.set("moe_router_enable_expert_bias", has_router_bias(hf, g));
  megatron.set("moe_router_score_function", hf.string("moe_router_activation", "softmax"));
  if (const auto scale = hf.find_number("moe_router_scaling_factor")) megatron.set("moe_router_topk_scaling_factor", *scale);
  if (hf.flag("need_fp32_gate")) megatron.set("moe_router_dtype", "fp32");
  megatron.adopt("swiglu_limits", "swiglu_limits");
  megatron.adopt("swiglu_limits_shared", "swiglu_limits_shared");
  megatron.set("moe_router_load_balancing_type", "aux_loss");
  megatron.set("moe_aux_loss_coeff", 1e-3);
  megatron.set("moe_router_pre_softmax", false);
  megatron.set("moe_token_dispatcher_type", "alltoall");
  megatron.set("moe_grouped_gemm", true);
  megatron.set("moe_permute_fusion", true);
}

// Bases, and the parts of a head that turn. Megatron-Bridge's documents do not say the latter; the published ones are taken.
void rope_to_hugging_face(const Config& megatron, const Config& hf, const Notes& notes) {
  if (!hf.adopt("rope_theta", "rotary_base_per_layer")) hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  if (is_yarn(megatron)) yarn_to_hugging_face(megatron, hf);
  else hf.set_null("rope_scaling");
  if (hf.adopt("partial_rotary_factors", "rotary_percents")) return;
  hf.set_list("partial_rotary_factors");
  const auto layers = megatron.find_count("layer_types").value_or(megatron.integer("num_layers"));
  for (std::int64_t i = 0; i < layers; ++i)
    hf.set(Config::at("partial_rotary_factors", i), megatron.string(Config::at("layer_types", i), "") == "sliding_attention" ? 1.0 : 0.5);
  notes("partial_rotary_factors and swiglu_limits are not in the Megatron checkpoint: the former are those of the published model, the latter "
        "are left out; give the original repository as --hf-model to have its own");
}

}  // namespace

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  check(hf, notes);
  const auto predictions = predictions_of(hf), stated = hf.find_integer("num_nextn_predict_layers");
  if (predictions && stated && *stated != *predictions)
    notes("num_nextn_predict_layers is " + std::to_string(*stated) + ", but there are tensors of " + std::to_string(*predictions) + " such layers");
  const auto g = geometry_of(hf, predictions.value_or(0));
  megatron.set("_target_", kProvider);
  megatron.set("transformer_layer_spec._call_", false);
  megatron.set("transformer_layer_spec._target_", "megatron.bridge.models.stepfun.step35_bridge.build_step35_layer_spec");
  dense_decoder(megatron);
  to_megatron(kFields, hf, megatron);
  dtype_to_megatron(hf, megatron);
  megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer("vocab_size", 128815)));
  megatron.set("attention_dropout", 0.0);
  megatron.set("add_qkv_bias", false);
  megatron.set("qk_layernorm", has_head_norms(hf));
  megatron.set("attention_output_gate", hf.flag("use_head_wise_attn_gate", true));
  if (predictions) megatron.set("mtp_num_layers", *predictions);
  layers_to_megatron(hf, g, megatron);
  rope_to_megatron(hf, g, megatron, notes);
  experts_to_megatron(hf, g, megatron);
}

void config_to_hugging_face(const Config& megatron, const Config& hf, const Notes& notes) {
  to_hugging_face(kFields, megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  hf.set("num_attention_heads", megatron.integer("num_attention_heads"));
  hf.set("num_attention_groups", megatron.integer("num_query_groups"));
  hf.set("head_dim", megatron.integer("kv_channels"));
  const std::string window = "sliding_attention_setting.", other = "attention_other_setting.";
  hf.set(other + "attention_type", "sliding_attention");
  hf.set(other + "num_attention_heads", megatron.integer(window + "num_attention_heads"));
  hf.set(other + "num_attention_groups", megatron.integer(window + "num_query_groups"));
  hf.set(other + "head_dim", megatron.integer(window + "kv_channels"));
  hf.set(other + "true_head_dim", megatron.integer(window + "kv_channels"));
  hf.set("sliding_window", megatron.integer(window + "window_size.0"));
  hf.adopt("layer_types", "layer_types");
  std::string mixtures;
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    if (megatron.integer(Config::at("moe_layer_freq", i)) != 0) mixtures += (mixtures.empty() ? "" : ",") + std::to_string(i);
  hf.set("moe_layers_enum", mixtures);
  rope_to_hugging_face(megatron, hf, notes);

  hf.set("moe_num_experts", megatron.integer("num_moe_experts"));
  hf.set("moe_top_k", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", megatron.integer("moe_ffn_hidden_size"));
  hf.set("share_expert_dim", megatron.integer("moe_shared_expert_intermediate_size"));
  hf.set("share_expert_dims", megatron.integer("moe_shared_expert_intermediate_size"));
  hf.set("moe_router_activation", megatron.string("moe_router_score_function", "softmax"));
  hf.set("moe_router_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("use_moe_router_bias", megatron.flag("moe_router_enable_expert_bias"));
  hf.set("need_fp32_gate", megatron.string("moe_router_dtype", "") == "fp32");
  hf.set("norm_expert_weight", true);
  hf.set("use_moe", true);
  hf.adopt("swiglu_limits", "swiglu_limits");
  hf.adopt("swiglu_limits_shared", "swiglu_limits_shared");
  hf.set("use_qk_norm", megatron.flag("qk_layernorm"));
  hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
  hf.set("hidden_act", "silu");
  hf.set("use_cache", true);
  hf.set("auto_map.AutoConfig", "configuration_step3p5.Step3p5Config");
  hf.set("auto_map.AutoModelForCausalLM", "modeling_step3p5.Step3p5ForCausalLM");
}

}  // namespace stepfun
