#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "checkpoints/megatron_arguments.hpp"
#include "checkpoints/python_json.hpp"

namespace weighbridge {
namespace {

// A flag that load_args_from_checkpoint of Megatron-Core does not take over. `otherwise` is the value that the run has
// without it, as text; of a switch, which state it turns on.
struct Flag {
  std::string_view field;
  std::string_view flag;
  std::string_view otherwise;
};

constexpr std::array kSwitches = std::to_array<Flag>({
    {"bf16", "--bf16", {}},
    {"fp16", "--fp16", {}},
    {"layernorm_zero_centered_gamma", "--apply-layernorm-1p", {}},
    {"apply_residual_connection_post_layernorm", "--apply-residual-connection-post-layernorm", {}},
    {"qk_layernorm", "--qk-layernorm", {}},
    {"qk_l2_norm", "--qk-l2-norm", {}},
    {"rope_scaling", "--use-rope-scaling", {}},
    {"attention_output_gate", "--attention-output-gate", {}},
    {"multi_latent_attention", "--multi-latent-attention", {}},
    {"moe_shared_expert_gate", "--moe-shared-expert-gate", {}},
    {"moe_shared_expert_overlap", "--moe-shared-expert-overlap", {}},
    {"first_last_layers_bf16", "--first-last-layers-bf16", {}},
    {"dsa_indexer_rope_interleaved", "--dsa-indexer-rope-interleaved", {}},
    {"dsa_indexer_k_norm_fp32", "--dsa-indexer-k-norm-fp32", {}},
    {"use_mup", "--use-mup", {}},
});

constexpr std::array kValues = std::to_array<Flag>({
    {"layernorm_epsilon", "--norm-epsilon", "1e-05"},
    {"init_method_std", "--init-method-std", "0.02"},
    {"seq_len_interpolation_factor", "--rotary-seq-len-interpolation-factor", {}},
    {"window_size", "--window-size", {}},
    {"window_attn_skip_freq", "--window-attn-skip-freq", {}},
    {"no_rope_freq", "--no-rope-freq", {}},
    {"mrope_section", "--mrope-section", {}},
    {"softmax_type", "--softmax-type", "vanilla"},
    {"glu_linear_offset", "--glu-linear-offset", "0.0"},
    {"activation_func_clamp_value", "--activation-func-clamp-value", {}},
    {"experimental_attention_variant", "--experimental-attention-variant", {}},
    {"linear_attention_freq", "--linear-attention-freq", {}},
    {"linear_conv_kernel_dim", "--linear-conv-kernel-dim", "4"},
    {"linear_key_head_dim", "--linear-key-head-dim", "128"},
    {"linear_value_head_dim", "--linear-value-head-dim", "128"},
    {"linear_num_key_heads", "--linear-num-key-heads", "16"},
    {"linear_num_value_heads", "--linear-num-value-heads", "32"},
    {"dsa_indexer_n_heads", "--dsa-indexer-n-heads", {}},
    {"dsa_indexer_head_dim", "--dsa-indexer-head-dim", {}},
    {"dsa_indexer_topk", "--dsa-indexer-topk", {}},
    {"dsa_indexer_topk_freq", "--dsa-indexer-topk-freq", "1"},
    {"dsa_indexer_skip_topk_offset", "--dsa-indexer-skip-topk-offset", "0"},
    {"mtp_loss_scaling_factor", "--mtp-loss-scaling-factor", "0.1"},
});

constexpr std::array kLatentAttentionValues = std::to_array<Flag>({
    {"q_lora_rank", "--q-lora-rank", {}},
    {"kv_lora_rank", "--kv-lora-rank", "32"},
    {"qk_head_dim", "--qk-head-dim", "128"},
    {"qk_pos_emb_head_dim", "--qk-pos-emb-head-dim", "64"},
    {"v_head_dim", "--v-head-dim", "128"},
    {"rope_type", "--rope-type", {}},
    {"rotary_scaling_factor", "--rotary-scaling-factor", "1.0"},
    {"mscale", "--mscale", "1.0"},
    {"mscale_all_dim", "--mscale-all-dim", "0.0"},
});

// Of maximal update parametrization.
constexpr std::array kMultipliers = std::to_array<Flag>({
    {"mup_base_hidden_size", "--mup-base-hidden-size", {}},
    {"mup_embedding_mult", "--mup-embedding-mult", "1.0"},
    {"mup_output_mult", "--mup-output-mult", "1.0"},
    {"mup_base_head_dim", "--mup-base-head-dim", {}},
    {"mup_attn_scale_power", "--mup-attn-scale-power", "1.0"},
});

constexpr std::array kExpertValues = std::to_array<Flag>({
    {"moe_router_load_balancing_type", "--moe-router-load-balancing-type", "aux_loss"},
    {"moe_aux_loss_coeff", "--moe-aux-loss-coeff", "0.0"},
    {"moe_z_loss_coeff", "--moe-z-loss-coeff", {}},
    {"moe_router_num_groups", "--moe-router-num-groups", {}},
    {"moe_router_group_topk", "--moe-router-group-topk", {}},
    {"moe_router_dtype", "--moe-router-dtype", {}},
    {"moe_token_dispatcher_type", "--moe-token-dispatcher-type", "allgather"},
    {"moe_router_bias_update_rate", "--moe-router-bias-update-rate", "0.001"},
});

// Text for a POSIX shell.
std::string shell_word(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view{"_-./:,=+@%"}.find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return std::string(text);
  std::string out = "'";
  for (const char c : text) c == '\'' ? out += "'\\''" : out += c;
  return out + "'";
}

std::string number_text(const boost::json::value& value) {
  if (const auto* real = value.if_double()) return python_float(*real);
  if (const auto* text = value.if_string()) return std::string(*text);
  if (const auto* whole = value.if_int64()) return std::to_string(*whole);
  return {};
}

// The value as its flag parses it; empty if it has no such form.
std::string flag_value(std::string_view field, const boost::json::value& value) {
  const auto* items = value.if_array();
  if (!items) return number_text(value);
  const bool pattern = field.ends_with("_freq");
  std::string out;
  for (const auto& item : *items) {
    if (!out.empty()) out += pattern || field == "window_size" ? "," : " ";
    out += number_text(item);
  }
  return pattern ? '[' + out + ']' : out;
}

template <std::size_t N>
void add_values(const boost::json::object& document, const std::array<Flag, N>& table,
                std::vector<std::string>& flags) {
  for (const auto& [field, flag, otherwise] : table) {
    const auto* value = document.if_contains(field);
    if (!value || value->is_null()) continue;
    auto text = flag_value(field, *value);
    if (text.empty()) continue;
    const auto* whole = value->if_int64();  // 1 and 1.0 are the same
    if (text == otherwise || (whole && python_float(static_cast<double>(*whole)) == otherwise)) continue;
    const bool several = value->is_array() && text.find(' ') != std::string::npos;
    flags.push_back(fmt::format("{}{}{}", flag, text.front() == '-' ? "=" : " ", several ? text : shell_word(text)));
  }
}

}  // namespace

std::vector<std::string> training_flags(const boost::json::object& document) {
  std::vector<std::string> flags;
  for (const auto& [field, flag, unused] : kSwitches)
    if (flag_field(document, field)) flags.emplace_back(flag);
  if (!flag_field(document, "bias_dropout_fusion", true)) flags.emplace_back("--no-bias-dropout-fusion");
  if (flag_field(document, "rope_scaling"))
    if (const auto factor = number_field(document, "rope_scaling_factor"); factor)
      flags.push_back("--rope-scaling-factor " + python_float(*factor));
  if (flag_field(document, "gated_linear_unit") && string_field(document, "activation_func") == "quick_gelu")
    flags.emplace_back("--quick-geglu");
  if (const auto* backend = document.if_contains("attention_backend"); backend && backend->is_object())
    if (const auto name = string_field(backend->get_object(), "_name_"); name && *name != "auto")
      flags.push_back("--attention-backend " + shell_word(*name));
  add_values(document, kValues, flags);
  if (flag_field(document, "multi_latent_attention")) add_values(document, kLatentAttentionValues, flags);
  if (flag_field(document, "use_mup")) add_values(document, kMultipliers, flags);
  if (integer_field(document, "num_moe_experts")) add_values(document, kExpertValues, flags);
  if (const auto divisor = integer_field(document, "make_vocab_size_divisible_by"); divisor && *divisor != 128)
    flags.push_back(fmt::format("--make-vocab-size-divisible-by {}", *divisor));
  if (const auto source = string_field(document, "hf_model_id"); source && !source->empty())
    flags.push_back("--tokenizer-type HuggingFaceTokenizer --tokenizer-model " + shell_word(*source));
  else if (const auto rows = integer_field(document, "vocab_size"))
    flags.push_back(fmt::format("--tokenizer-type NullTokenizer --vocab-size {}", *rows));
  return flags;
}

std::vector<std::string> layout_flags(const ParallelLayout& layout) {
  std::vector<std::string> flags;
  const auto add = [&](std::string_view flag, std::int64_t value) { flags.push_back(fmt::format("{} {}", flag, value)); };
  if (layout.expert > 1) add("--expert-model-parallel-size", layout.expert);
  if (layout.expert_tensor_size() != layout.tensor) add("--expert-tensor-parallel-size", layout.expert_tensor_size());
  if (layout.expert > 1 && layout.tensor > 1) flags.emplace_back("--sequence-parallel");
  if (layout.virtual_pipeline && layout.stages.empty()) add("--num-virtual-stages-per-pipeline-rank", *layout.virtual_pipeline);
  if (layout.first_stage) add("--decoder-first-pipeline-num-layers", *layout.first_stage);
  if (layout.last_stage) add("--decoder-last-pipeline-num-layers", *layout.last_stage);
  if (!layout.stages.empty()) flags.push_back(fmt::format("--pipeline-model-parallel-layout '{}'", layout.stages));
  if (layout.embedding_counts) flags.emplace_back("--account-for-embedding-in-pipeline-split");
  if (layout.loss_counts) flags.emplace_back("--account-for-loss-in-pipeline-split");
  return flags;
}

}  // namespace weighbridge
