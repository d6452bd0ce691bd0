#include "translation.hpp"

#include <weighbridge/layer_specification.hpp>
#include <weighbridge/translation.hpp>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "geometry.hpp"

namespace deepseek_v4 {
namespace {

constexpr Field kFields[] = {
    integer_field("num_hidden_layers", "num_layers"),
    integer_field("hidden_size", "hidden_size"),
    integer_field("num_attention_heads", "num_attention_heads"),
    integer_field("num_key_value_heads", "num_query_groups", 1),
    integer_field("vocab_size", "vocab_size"),
    integer_field("head_dim", "v_head_dim", 512),
    integer_field("q_lora_rank", "q_lora_rank", 1024),
    integer_field("o_groups", "o_groups", 8),
    integer_field("o_lora_rank", "o_lora_rank", 1024),
    integer_field("sliding_window", "csa_window_size", 128),
    integer_field("index_n_heads", "dsa_indexer_n_heads", 64),
    integer_field("index_head_dim", "dsa_indexer_head_dim", 128),
    integer_field("index_topk", "dsa_indexer_topk", 512),
    integer_field("hc_mult", "num_residual_streams", 4),
    integer_field("hc_sinkhorn_iters", "mhc_sinkhorn_iterations", 20),
    integer_field("n_routed_experts", "num_moe_experts", 256),
    integer_field("num_experts_per_tok", "moe_router_topk", 6),
    integer_field("moe_intermediate_size", "moe_ffn_hidden_size", 2048),
    number_field("routed_scaling_factor", "moe_router_topk_scaling_factor", 1.5),
    number_field("swiglu_limit", "activation_func_clamp_value", 10.0),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("rms_norm_eps", "layernorm_epsilon", 1e-6),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
};

// What Megatron-Core computes in one way alone.
void refuse_what_is_fixed(const Config& hf) {
  if (const auto scores = hf.string("scoring_func", "sqrtsoftplus"); scores != "sqrtsoftplus" && scores != "sigmoid")
    throw Failure("scoring_func is " + scores + "; with a bias that helps to choose, Megatron-Core scores experts by sqrtsoftplus or sigmoid");
  if (!hf.flag("norm_topk_prob", true)) throw Failure("norm_topk_prob is false; Megatron-Core makes the weights of the chosen experts add up to one");
  if (hf.number("hc_eps", 1e-6) != 1e-6) throw Failure("hc_eps is not 1e-06, with which Megatron-Core computes hyper-connections");
  if (const auto keys = hf.integer("num_key_value_heads", 1); keys != 1)
    throw Failure("num_key_value_heads is " + std::to_string(keys) + "; all heads of DeepSeek V4 share one key");
  if (const auto activation = hf.string("hidden_act", "silu"); activation != "silu") throw Failure("hidden_act is " + activation + "; this family computes with silu");
  for (const auto* bias : {"attention_bias", "mlp_bias"})
    if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; the linear layers of DeepSeek V4 have no biases");
}

void positions_to_megatron(const Config& hf, const Config& megatron) {
  const auto p = positions_of(hf);
  megatron.set("rope_type", "yarn");
  megatron.set("rotary_percent", 1.0);
  megatron.set("qk_pos_emb_head_dim", rotary_width(hf));
  megatron.set("rotary_base", p.base);
  megatron.set("csa_compress_rotary_base", p.compressed_base);
  megatron.set("rotary_scaling_factor", p.factor);
  megatron.set("original_max_position_embeddings", p.original);
  megatron.set("beta_fast", p.fast);
  megatron.set("beta_slow", p.slow);
  megatron.set("mscale", 1.0);
  megatron.set("mscale_all_dim", 1.0);
}

}  // namespace

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  refuse_what_is_fixed(hf);
  megatron.set("_target_", "megatron.bridge.models.mla_provider.MLAModelProvider");
  layers_of_an_attention_variant(megatron);
  dense_decoder(megatron);
  to_megatron(kFields, hf, megatron);
  dtype_to_megatron(hf, megatron);
  positions_to_megatron(hf, megatron);
  megatron.set("experimental_attention_variant", "dsv4_hybrid");
  for (const auto* on : {"multi_latent_attention", "qk_layernorm", "apply_rope_fusion", "enable_hyper_connections", "moe_grouped_gemm", "moe_permute_fusion",
                         "moe_shared_expert_overlap", "moe_router_enable_expert_bias", "gradient_accumulation_fusion", "bias_dropout_fusion",
                         "cross_entropy_loss_fusion", "masked_softmax_fusion", "persist_layer_norm"})
    megatron.set(on, true);
  for (const auto* off : {"moe_router_pre_softmax", "attention_softmax_in_fp32", "moe_permute_fusion_into_hybridep", "apply_dsa_kernel_fusion", "use_fused_mhc"})
    megatron.set(off, false);
  const auto layers = hf.integer("num_hidden_layers"), width = hf.integer("moe_intermediate_size", 2048), shared = hf.integer("n_shared_experts", 1);
  if (width < 1 || shared < 1) throw Failure("moe_intermediate_size or n_shared_experts is less than 1; every mixture of DeepSeek V4 has a shared expert");
  megatron.set("kv_channels", hf.integer("head_dim", 512));
  megatron.set("ffn_hidden_size", width);
  megatron.set("moe_shared_expert_intermediate_size", shared * width);
  megatron.set("moe_router_score_function", hf.string("scoring_func", "sqrtsoftplus"));
  megatron.set("moe_router_load_balancing_type", "noaux_tc");
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_aux_loss_coeff", 0.0);
  megatron.set("moe_token_dispatcher_type", "flex");
  megatron.set("moe_flex_dispatcher_backend", "hybridep");
  megatron.set("moe_flex_dispatcher_num_sms", 16);
  megatron.set("moe_n_hash_layers", hash_layers_of(hf));
  megatron.set("actual_vocab_size", hf.integer("vocab_size"));
  megatron.set("cross_entropy_fusion_impl", "te");
  megatron.set("make_vocab_size_divisible_by", 1280);
  megatron.set("seq_length", 4096);  // what Megatron-Bridge trains with
  megatron.set_list("moe_layer_freq");
  for (std::int64_t i = 0; i < layers; ++i) megatron.set(Config::at("moe_layer_freq", i), 1);

  const auto predictions = predictions_of(hf);
  if (predictions > 0) megatron.set("mtp_num_layers", predictions);
  else if (hf.integer("num_nextn_predict_layers", 0) > 0)
    notes("num_nextn_predict_layers is not 0, but the source holds no such layers: neither has the Megatron model any");
  auto ratios = ratios_of(hf);
  for (std::int64_t i = 0; i < predictions; ++i) ratios.of_layers.push_back(ratios.of_predictions.at(static_cast<std::size_t>(i)));
  megatron.set_list("csa_compress_ratios");
  for (std::size_t i = 0; i < ratios.of_layers.size(); ++i) megatron.set(Config::at("csa_compress_ratios", static_cast<std::int64_t>(i)), ratios.of_layers[i]);
  notes("Megatron-Core has this attention on its branch dev alone, where it runs with --tp 1; with --pp above 1 all layers whose experts follow "
        "from the token must be on the first stage");
}

void config_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kFields, megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  const auto width = megatron.integer("moe_ffn_hidden_size"), shared = megatron.integer("moe_shared_expert_intermediate_size", 0);
  if (width < 1 || shared < width || shared % width != 0)
    throw Failure("moe_shared_expert_intermediate_size is " + std::to_string(shared) + ", no multiple of moe_ffn_hidden_size, " + std::to_string(width));
  hf.set("n_shared_experts", shared / width);
  hf.set("scoring_func", megatron.string("moe_router_score_function", "sqrtsoftplus"));
  hf.set("norm_topk_prob", true);
  hf.set("topk_method", "noaux_tc");
  hf.set("hidden_act", "silu");
  hf.set("attention_bias", false);
  hf.set("use_cache", true);
  hf.set("hc_eps", 1e-6);
  hf.set("qk_rope_head_dim", megatron.integer("qk_pos_emb_head_dim", 64));
  hf.set("num_hash_layers", megatron.integer("moe_n_hash_layers", 0));
  const auto layers = megatron.integer("num_layers"), predictions = megatron.integer("mtp_num_layers", 0);
  hf.set("num_nextn_predict_layers", predictions);
  hf.set_list("compress_ratios");
  for (std::int64_t i = 0; i < layers + predictions; ++i) {
    const auto path = Config::at("csa_compress_ratios", i);
    hf.set(Config::at("compress_ratios", i), i < layers ? megatron.integer(path) : megatron.integer(path, 0));
  }

  hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  hf.set("compress_rope_theta", megatron.number("csa_compress_rotary_base", 40000.0));
  const auto factor = megatron.number("rotary_scaling_factor", 40.0);
  const auto original = megatron.integer("original_max_position_embeddings", 4096);
  // seq_length may be that of a training run, but YaRN was made for so many positions.
  hf.set("max_position_embeddings", std::max(factor == 1.0 ? original : megatron.integer("seq_length", original), static_cast<std::int64_t>(factor * static_cast<double>(original))));
  if (factor == 1.0) return hf.set_null("rope_scaling");
  hf.set("rope_scaling.type", "yarn");
  hf.set("rope_scaling.factor", factor);
  hf.set("rope_scaling.original_max_position_embeddings", original);
  hf.set("rope_scaling.beta_fast", megatron.number("beta_fast", 32.0));
  hf.set("rope_scaling.beta_slow", megatron.number("beta_slow", 1.0));
}

}  // namespace deepseek_v4
