// Gemma 4: the configuration in both directions. Megatron has two models for it: a dense one, with per-layer inputs and
// shared keys and values, and one with experts.

#include "gemma4.hpp"

namespace gemma {
namespace {

constexpr Sizes kDefaults{262'144, 2304, 9216, 30, 8, 4, 256, 131'072};
constexpr std::string_view kDense = "gemma4_provider.Gemma4DenseProvider", kExperts = "gemma4_provider.Gemma4ModelProvider";

// Layers with a window turn positions by one base; global ones by another, and only a share of each head's width.
constexpr std::string_view kWindowTheta = "rope_parameters.sliding_attention.rope_theta";
constexpr std::string_view kGlobalTheta = "rope_parameters.full_attention.rope_theta";
constexpr std::string_view kGlobalShare = "rope_parameters.full_attention.partial_rotary_factor";

struct RopeNames {
  std::string_view window, global, share;  // of Megatron's fields
};

void ropes_to_megatron(const Config& hf, const Config& megatron, const RopeNames& names) {
  if (hf.has("rope_parameters")) {
    const auto window = hf.string("rope_parameters.sliding_attention.rope_type", "default");
    const auto global = hf.string("rope_parameters.full_attention.rope_type", "default");
    if (window != "default") throw Failure("rope_parameters.sliding_attention.rope_type is " + window + "; Gemma 4 has default there");
    if (global != "proportional") throw Failure("rope_parameters.full_attention.rope_type is " + global + "; Gemma 4 has proportional there");
    if (hf.number("rope_parameters.full_attention.factor", 1.0) != 1.0)
      throw Failure("rope_parameters.full_attention.factor is not 1; Megatron's Gemma 4 scales no positions");
  }
  copy_number(hf, kWindowTheta, megatron, names.window, 1e4);
  copy_number(hf, kGlobalTheta, megatron, names.global, 1e6);
  copy_number(hf, kGlobalShare, megatron, names.share, hf.has("rope_parameters") ? 1.0 : 0.25);
}

void ropes_to_hugging_face(const Config& megatron, const Config& hf, const RopeNames& names) {
  copy_number(megatron, names.window, hf, kWindowTheta, 1e4);
  hf.set("rope_parameters.sliding_attention.rope_type", "default");
  copy_number(megatron, names.global, hf, kGlobalTheta, 1e6);
  copy_number(megatron, names.share, hf, kGlobalShare, 0.25);
  hf.set("rope_parameters.full_attention.rope_type", "proportional");
}

constexpr RopeNames kDenseRopes{"sliding_window_rope_base", "full_attention_rope_base", "full_attention_rope_partial_factor"};
constexpr RopeNames kExpertRopes{"rotary_base.0", "rotary_base.1", "global_rotary_percent"};

// Transformers heeds num_global_key_value_heads only where keys are values; Megatron always does, and null is the number
// of the other layers.
void global_groups_to_megatron(const Config& hf, const Config& megatron, std::string_view name, std::int64_t groups) {
  if (hf.find_integer("num_global_key_value_heads") == groups) megatron.set(name, groups);
  else megatron.set_null(name);
}

void dense_to_megatron(const Config& hf, const Config& megatron, const Decoder& d) {
  ropes_to_megatron(hf, megatron, kDenseRopes);
  megatron.set("global_kv_channels", d.global_heads.width);
  global_groups_to_megatron(hf, megatron, "num_global_query_groups", d.global_heads.groups);
  window_size_to_megatron(hf.integer("sliding_window", 512), megatron);
  megatron.set_list("window_attn_skip_freq");
  for (std::int64_t i = 0; i < d.sizes.layers; ++i) megatron.set(Config::at("window_attn_skip_freq", i), !d.is_global(i));
  megatron.set("num_kv_shared_layers", d.shared);
  megatron.set("use_double_wide_mlp", d.wide);
  megatron.set("hetereogenous_dist_checkpoint", d.wide);
  megatron.set("per_layer_embed_dim", d.input_width);
  megatron.set("per_layer_embed_vocab_size", d.input_rows);
  megatron.set("scale_embeddings_by_hidden_size", true);
}

void experts_to_megatron(const Config& hf, const Config& megatron, const Decoder& d) {
  megatron.set_list("rotary_base");
  ropes_to_megatron(hf, megatron, kExpertRopes);
  megatron.set("global_head_dim", d.global_heads.width);
  global_groups_to_megatron(hf, megatron, "num_global_key_value_heads", d.global_heads.groups);
  megatron.set("window_size", hf.integer("sliding_window", 512));
  pattern_to_megatron(d.global, megatron);
  megatron.set("softmax_scale", 1.0);
  megatron.set("qk_layernorm", true);
  megatron.set("num_moe_experts", d.experts);
  megatron.set("moe_router_topk", hf.integer("top_k_experts"));
  megatron.set("moe_ffn_hidden_size", d.expert_ffn);
  megatron.set("moe_shared_expert_intermediate_size", d.sizes.ffn);
  megatron.set("moe_grouped_gemm", true);
  megatron.set("moe_router_pre_softmax", true);
  megatron.set("moe_router_dtype", "fp32");
}

// What Megatron's model with experts lacks.
void check_experts(const Decoder& d) {
  if (d.shared > 0) throw Failure("num_kv_shared_layers is not 0; in Megatron's Gemma 4 with experts no layer shares keys and values");
  if (d.input_width > 0) throw Failure("hidden_size_per_layer_input is not 0; Megatron's Gemma 4 with experts has no per-layer inputs");
}

// Layers with a window by window_attn_skip_freq: a list, of which true has one, or every n-th without.
bool has_window(const Config& megatron, std::int64_t layer) {
  if (!megatron.has("window_size")) return false;
  const auto at = Config::at("window_attn_skip_freq", layer);
  if (megatron.has(at)) return megatron.flag(at);
  const auto every = megatron.integer("window_attn_skip_freq", 6);
  if (every < 1) throw Failure("window_attn_skip_freq is " + std::to_string(every) + "; it counts layers, from 1 on");
  return (layer + 1) % every != 0;
}

void dense_to_hugging_face(const Config& megatron, const Config& hf) {
  ropes_to_hugging_face(megatron, hf, kDenseRopes);
  hf.set("global_head_dim", megatron.integer("global_kv_channels", 512));
  copy_or_null(megatron, "num_global_query_groups", hf, "num_global_key_value_heads");
  hf.set("sliding_window", megatron.integer("window_size.0", 511) + 1);
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    hf.set(Config::at("layer_types", i), has_window(megatron, i) ? "sliding_attention" : "full_attention");
  hf.set("num_kv_shared_layers", megatron.integer("num_kv_shared_layers", 0));
  hf.set("use_double_wide_mlp", megatron.flag("use_double_wide_mlp"));
  hf.set("hidden_size_per_layer_input", megatron.integer("per_layer_embed_dim", 256));
  hf.set("vocab_size_per_layer_input", megatron.integer("per_layer_embed_vocab_size", 262'144));
  for (const auto* name : {"num_experts", "top_k_experts", "moe_intermediate_size"}) hf.set_null(name);
}

void experts_to_hugging_face(const Config& megatron, const Config& hf) {
  ropes_to_hugging_face(megatron, hf, kExpertRopes);
  hf.set("global_head_dim", megatron.integer("global_head_dim", 512));
  copy_or_null(megatron, "num_global_key_value_heads", hf, "num_global_key_value_heads");
  hf.set("sliding_window", megatron.integer("window_size"));
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    hf.set(Config::at("layer_types", i), (i + 1) % period_of(megatron) != 0 ? "sliding_attention" : "full_attention");
  hf.set("num_kv_shared_layers", 0);
  hf.set("use_double_wide_mlp", false);
  hf.set("hidden_size_per_layer_input", 0);
  hf.set("intermediate_size", megatron.integer("moe_shared_expert_intermediate_size"));
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("top_k_experts", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", megatron.integer("moe_ffn_hidden_size"));
}

}  // namespace

Decoder decoder_of(const Config& hf) {
  Decoder d;
  d.sizes = sizes_of(hf, kDefaults);
  d.global = global_layers(hf, d.sizes.layers, 6);
  if (!d.global.empty()) d.global.back() = true;  // whatever layer_types says
  d.key_is_value = hf.flag("attention_k_eq_v");
  d.global_heads = {d.key_is_value ? hf.integer("num_global_key_value_heads", d.sizes.groups) : d.sizes.groups,
                    hf.integer("global_head_dim", 512)};
  d.shared = hf.integer("num_kv_shared_layers", 0);
  d.wide = hf.flag("use_double_wide_mlp");
  d.input_width = hf.integer("hidden_size_per_layer_input", 256);
  d.input_rows = hf.integer("vocab_size_per_layer_input", 262'144);
  if (hf.flag("enable_moe_block")) {
    d.experts = hf.integer("num_experts");
    d.expert_ffn = hf.integer("moe_intermediate_size");
    check_experts(d);
  }
  if (d.shared < 0 || d.shared >= d.sizes.layers) throw Failure("num_kv_shared_layers leaves no layer with keys and values of its own");
  return d;
}

void Gemma4::to_megatron(Config hf, Config megatron, Notes) {
  const auto d = decoder_of(hf);
  megatron.set("_target_", "megatron.bridge.models.gemma." + std::string{d.experts > 0 ? kExperts : kDense});
  decoder_to_megatron(hf, megatron, d.sizes);
  megatron.set("make_vocab_size_divisible_by", 128);
  megatron.set("attention_k_eq_v", d.key_is_value);
  copy_or_null(hf, "final_logit_softcapping", megatron, "final_logit_softcapping");
  if (d.experts > 0) experts_to_megatron(hf, megatron, d);
  else dense_to_megatron(hf, megatron, d);
  check_activation(hf);
  if (hf.string("use_bidirectional_attention", "") == "all")
    throw Failure("use_bidirectional_attention is all; Megatron's Gemma 4 attends only to what comes before");
}

void Gemma4::to_hugging_face(Config megatron, Config hf, Notes) {
  decoder_to_hugging_face(megatron, hf);
  hf.set("dtype", megatron.string("params_dtype", "bfloat16"));
  hf.set("hidden_activation", "gelu_pytorch_tanh");
  hf.set("attention_k_eq_v", megatron.flag("attention_k_eq_v"));
  copy_or_null(megatron, "final_logit_softcapping", hf, "final_logit_softcapping");
  const bool experts = megatron.has("num_moe_experts");
  hf.set("enable_moe_block", experts);
  if (experts) experts_to_hugging_face(megatron, hf);
  else dense_to_hugging_face(megatron, hf);
}

bool Gemma4::recognises(const Config& megatron) { return is_provider(megatron, kDense) || is_provider(megatron, kExperts); }

}  // namespace gemma
