#include "conversion/document_agreement.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <string_view>

#include "checkpoints/megatron_document.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kFields[] = {
    "num_layers", "hidden_size", "ffn_hidden_size", "num_attention_heads", "num_query_groups", "kv_channels", "vocab_size",
    "layernorm_epsilon", "normalization", "activation_func", "gated_linear_unit", "add_bias_linear", "add_qkv_bias", "qk_layernorm",
    "share_embeddings_and_output_weights", "position_embedding_type", "rotary_base", "rotary_percent", "rope_scaling",
    "rope_scaling_factor", "seq_len_interpolation_factor", "window_size", "num_moe_experts", "moe_ffn_hidden_size",
    "moe_router_topk", "moe_layer_freq", "moe_shared_expert_intermediate_size", "multi_latent_attention", "q_lora_rank",
    "kv_lora_rank", "qk_head_dim", "qk_pos_emb_head_dim", "v_head_dim", "mtp_num_layers", "hybrid_layer_pattern",
    "mamba_num_heads", "mamba_head_dim", "mamba_state_dim", "mamba_num_groups", "linear_num_key_heads", "linear_num_value_heads", "linear_key_head_dim",
    "linear_value_head_dim", "linear_conv_kernel_dim", "attention_output_gate", "experimental_attention_variant",
};

// "ME|M*E" says also where a pipeline is cut, which is no part of the model.
std::string uncut(boost::json::string_view pattern) {
  std::string text{pattern};
  std::erase(text, '|');
  return text;
}

bool same(const boost::json::value& a, const boost::json::value& b) {
  if (a.is_string() && b.is_string()) return uncut(a.get_string()) == uncut(b.get_string());
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

}  // namespace

std::vector<std::string> architecture_differences(const boost::json::object& one, const boost::json::object& other) {
  std::vector<std::string> differences;
  const bool latent = flag_field(one, "multi_latent_attention") && flag_field(other, "multi_latent_attention");
  for (const auto field : kFields) {
    if (latent && field == std::string_view{"kv_channels"}) continue;  // latent attention has widths of its own and never looks at it
    const auto* a = one.if_contains(field);
    const auto* b = other.if_contains(field);
    if (a == nullptr || b == nullptr || a->is_null() || b->is_null() || same(*a, *b)) continue;
    differences.push_back(fmt::format("{} is {} and {}", field, boost::json::serialize(*a), boost::json::serialize(*b)));
  }
  return differences;
}

}  // namespace weighbridge
