#include "translation.hpp"

#include <weighbridge/translation.hpp>

#include <algorithm>

namespace kimi_k3 {
namespace {

constexpr Field kFields[] = {
    integer_field("text_config.num_hidden_layers", "num_layers"),
    integer_field("text_config.hidden_size", "hidden_size"),
    integer_field("text_config.intermediate_size", "ffn_hidden_size"),
    integer_field("text_config.num_attention_heads", "num_attention_heads"),
    integer_field("text_config.vocab_size", "vocab_size"),
    integer_field("text_config.q_lora_rank", "q_lora_rank"),
    integer_field("text_config.kv_lora_rank", "kv_lora_rank"),
    integer_field("text_config.qk_nope_head_dim", "qk_head_dim"),
    integer_field("text_config.qk_rope_head_dim", "qk_pos_emb_head_dim"),
    integer_field("text_config.v_head_dim", "v_head_dim"),
    integer_field("text_config.num_experts", "num_moe_experts"),
    integer_field("text_config.num_experts_per_token", "moe_router_topk"),
    integer_field("text_config.moe_intermediate_size", "moe_ffn_hidden_size"),
    integer_field("text_config.routed_expert_hidden_size", "moe_latent_size"),
    integer_field("text_config.linear_attn_config.num_heads", "kimi_linear_num_heads"),
    integer_field("text_config.linear_attn_config.head_dim", "kimi_linear_head_dim"),
    integer_field("text_config.linear_attn_config.short_conv_kernel_size", "kimi_linear_conv_kernel_size"),
    integer_field("text_config.attn_res_block_size", "kimi_attn_res_block_size"),
    number_field("text_config.linear_attn_config.gate_lower_bound", "kimi_kda_gate_lower_bound", -5.0),
    number_field("text_config.routed_scaling_factor", "moe_router_topk_scaling_factor", 1.0),
    number_field("text_config.initializer_range", "init_method_std", 0.02),
    number_field("text_config.rms_norm_eps", "layernorm_epsilon", 1e-5),
};

std::int64_t layer_count(const Config& hf) {
  const auto layers = hf.integer(text("num_hidden_layers"));
  constexpr std::int64_t kMost = 10'000;  // more is a fault of the file, and would be looked at one by one
  if (layers < 1 || layers > kMost) throw Failure(text("num_hidden_layers") + " is " + std::to_string(layers) + "; it counts layers");
  return layers;
}

// What Megatron's K3 does in one way alone.
void refuse_what_is_fixed(const Config& hf) {
  if (const auto activation = hf.string(text("hidden_act"), "situ"); activation != "situ")
    throw Failure(text("hidden_act") + " is " + activation + "; Megatron's K3 computes with situ");
  if (const auto scores = hf.string(text("moe_router_activation_func"), "sigmoid"); scores != "sigmoid")
    throw Failure(text("moe_router_activation_func") + " is " + scores + "; with a bias that helps to choose, Megatron scores experts by sigmoid");
  if (!hf.flag(text("latent_moe_use_norm"), true)) throw Failure(text("latent_moe_use_norm") + " is false; Megatron's K3 normalises what experts give");
  for (const auto* flag : {"attention_bias", "tie_word_embeddings"})
    if (hf.flag(text(flag))) throw Failure(text(flag) + " is true; Megatron's K3 has no place for it");
  if (hf.number(text("attention_dropout"), 0.0) != 0.0) throw Failure(text("attention_dropout") + " is not 0; Megatron's K3 has none");
  const auto heads = hf.integer(text("num_attention_heads"));
  if (hf.integer(text("num_key_value_heads"), heads) != heads) throw Failure(text("num_key_value_heads") + " is not num_attention_heads; every head has a key of its own");
  if (hf.integer(text("num_nextn_predict_layers"), 0) != 0) throw Failure(text("num_nextn_predict_layers") + " is not 0; Megatron's K3 predicts one token");
}

}  // namespace

Layers layers_of(const Config& hf) {
  const auto layers = layer_count(hf), first = hf.integer(text("first_k_dense_replace"), 0), every = hf.integer(text("moe_layer_freq"), 1);
  if (every < 1) throw Failure(text("moe_layer_freq") + " is " + std::to_string(every) + "; it counts layers, from 1 on");
  Layers kinds{std::vector<bool>(static_cast<std::size_t>(layers)), {}};
  const auto list = text("linear_attn_config.kda_layers");
  const auto count = hf.find_count(list);
  if (!count) throw Failure(list + " is missing; it numbers the layers of Kimi Delta Attention from 1");
  for (std::int64_t i = 0; i < *count; ++i) {
    const auto number = hf.integer(Config::at(list, i));
    if (number < 1 || number > layers) throw Failure(Config::at(list, i) + " is " + std::to_string(number) + "; layers are numbered from 1 to " + std::to_string(layers));
    kinds.linear[static_cast<std::size_t>(number - 1)] = true;
  }
  for (std::int64_t i = 0; i < layers; ++i) kinds.mixture.push_back(i >= first && i % every == 0);
  return kinds;
}

void config_to_megatron(const Config& hf, const Config& megatron) {
  refuse_what_is_fixed(hf);
  megatron.set("_target_", "megatron.bridge.models.kimi.kimi_k3_provider.KimiK3ModelProvider");
  megatron.set("transformer_layer_spec._call_", false);
  megatron.set("transformer_layer_spec._target_", "megatron.bridge.models.kimi.kimi_k3_spec.build_kimi_k3_spec");
  dense_decoder(megatron);  // silu stands for situ, which the layers bring along
  to_megatron(kFields, hf, megatron);
  megatron.set("position_embedding_type", "none");
  for (const auto* on : {"multi_latent_attention", "qk_layernorm", "moe_router_enable_expert_bias", "moe_router_pre_softmax", "moe_grouped_gemm", "moe_permute_fusion",
                         "use_te_activation_func", "attention_softmax_in_fp32", "disable_bf16_reduced_precision_matmul", "gradient_accumulation_fusion",
                         "cross_entropy_loss_fusion", "masked_softmax_fusion", "persist_layer_norm", "variable_seq_lengths"})
    megatron.set(on, true);
  for (const auto* off : {"add_qkv_bias", "share_embeddings_and_output_weights", "moe_shared_expert_overlap", "bias_activation_fusion", "bias_dropout_fusion",
                          "apply_rope_fusion", "should_pad_vocab"})
    megatron.set(off, false);
  megatron.set("attention_dropout", 0.0);
  megatron.set("rotary_scaling_factor", 1.0);  // nothing is turned
  megatron.set("mscale_all_dim", 1.0);
  megatron.set("cross_entropy_fusion_impl", "te");
  megatron.set("num_query_groups", hf.integer(text("num_key_value_heads"), hf.integer(text("num_attention_heads"))));
  if (const auto width = hf.find_integer(text("head_dim"))) megatron.set("kv_channels", *width);
  megatron.set("seq_length", hf.integer(text("max_position_embeddings")));
  megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(hf.integer(text("vocab_size"))));
  const auto dtype = [&] {
    for (const auto* path : {"text_config.torch_dtype", "text_config.dtype", "torch_dtype", "dtype"})
      if (hf.has(path)) return hf.string(path, "");
    return std::string{"float32"};
  }();
  if (dtype != "bfloat16" && dtype != "float16" && dtype != "float32") throw Failure("torch_dtype is " + dtype + "; bfloat16, float16 or float32 are what Megatron trains in");
  megatron.set("params_dtype", dtype);
  megatron.set("bf16", dtype == "bfloat16");
  megatron.set("fp16", dtype == "float16");

  const auto shared = hf.integer(text("num_shared_experts"), 0), width = hf.integer(text("moe_intermediate_size"));
  if (shared < 1) throw Failure(text("num_shared_experts") + " is " + std::to_string(shared) + "; Megatron's K3 has shared experts");
  megatron.set("moe_shared_expert_intermediate_size", shared * width);
  megatron.set("moe_router_score_function", "sigmoid");
  megatron.set("moe_router_bias_update_rate", 0.0);
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_router_load_balancing_type", "none");
  megatron.set("moe_aux_loss_coeff", 0.0);
  megatron.set("moe_token_dispatcher_type", "alltoall");
  if (hf.flag(text("use_grouped_topk"))) {
    megatron.set("moe_router_num_groups", hf.integer(text("num_expert_group")));
    megatron.set("moe_router_group_topk", hf.integer(text("topk_group")));
  }
  const auto kinds = layers_of(hf);
  megatron.set_list("kimi_kda_layers");
  megatron.set_list("moe_layer_freq");
  std::int64_t place = 0;
  for (std::size_t i = 0; i < kinds.linear.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i);
    if (kinds.linear[i]) megatron.set(Config::at("kimi_kda_layers", place++), number + 1);
    megatron.set(Config::at("moe_layer_freq", number), kinds.mixture[i] ? 1 : 0);
  }
}

void config_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kFields, megatron, hf);
  const auto width = megatron.integer("moe_ffn_hidden_size"), shared = megatron.integer("moe_shared_expert_intermediate_size", 0);
  if (width < 1 || shared % width != 0)
    throw Failure("moe_shared_expert_intermediate_size is " + std::to_string(shared) + ", no multiple of moe_ffn_hidden_size, " + std::to_string(width));
  hf.set(text("num_shared_experts"), shared / width);
  hf.set(text("num_key_value_heads"), megatron.integer("num_query_groups", megatron.integer("num_attention_heads")));
  if (const auto head = megatron.find_integer("kv_channels")) hf.set(text("head_dim"), *head);
  hf.set(text("max_position_embeddings"), megatron.integer("seq_length"));
  hf.set(text("hidden_act"), "situ");
  hf.set(text("moe_router_activation_func"), "sigmoid");
  hf.set(text("latent_moe_use_norm"), true);
  hf.set(text("attention_bias"), false);
  hf.set(text("tie_word_embeddings"), false);
  hf.set(text("torch_dtype"), megatron.string("params_dtype", megatron.flag("bf16") ? "bfloat16" : megatron.flag("fp16") ? "float16" : "float32"));
  const auto groups = megatron.find_integer("moe_router_num_groups");
  hf.set(text("use_grouped_topk"), groups.has_value());
  hf.set(text("num_expert_group"), groups.value_or(1));
  hf.set(text("topk_group"), megatron.integer("moe_router_group_topk", 1));

  const auto list = text("linear_attn_config.kda_layers");
  hf.set_list(list);
  const auto count = megatron.find_count("kimi_kda_layers").value_or(0);
  for (std::int64_t i = 0; i < count; ++i) hf.set(Config::at(list, i), megatron.integer(Config::at("kimi_kda_layers", i)));

  const auto layers = megatron.integer("num_layers");
  const auto mixture = [&](std::int64_t i) { return megatron.integer(Config::at("moe_layer_freq", i), 1) != 0; };
  std::int64_t first = 0, every = 1;
  while (first < layers && !mixture(first)) ++first;
  const auto fits = [&] {
    for (std::int64_t i = 0; i < layers; ++i)
      if (mixture(i) != (i >= first && i % every == 0)) return false;
    return true;
  };
  while (every <= layers && !fits()) ++every;
  if (!fits()) throw Failure("moe_layer_freq: no first_k_dense_replace and moe_layer_freq of config.json give these mixture layers");
  hf.set(text("first_k_dense_replace"), first);
  hf.set(text("moe_layer_freq"), every);
}

}  // namespace kimi_k3
