#include "conformance/megatron_modules.hpp"

#include <algorithm>
#include <vector>

namespace weighbridge {
namespace {

using State = KnownParameter::State;

constexpr KnownParameter kKnown[] = {
    {"embedding.word_embeddings.weight", Split::axis_0, State::absent},
    {"embedding.position_embeddings.weight", Split::none},
    {"output_layer.weight", Split::axis_0},
    {"decoder.final_layernorm.weight", Split::none},
    {"decoder.final_layernorm.bias", Split::none},
    {"decoder.final_norm.weight", Split::none},
    // Attention
    {"input_layernorm.weight", Split::none},
    {"input_layernorm.bias", Split::none},
    {"self_attention.linear_qkv.weight", Split::axis_0, State::kept},
    {"self_attention.linear_qkv.bias", Split::axis_0, State::kept},
    {"self_attention.linear_qkv.layer_norm_weight", Split::none},
    {"self_attention.linear_qkv.layer_norm_bias", Split::none},
    {"self_attention.linear_proj.weight", Split::axis_1, State::kept},
    {"self_attention.linear_proj.bias", Split::none},
    {"self_attention.linear_proj.post_layernorm.weight", Split::none},
    {"self_attention.q_layernorm.weight", Split::none},
    {"self_attention.k_layernorm.weight", Split::none},
    {"self_attention.q_layernorm.bias", Split::none},
    {"self_attention.k_layernorm.bias", Split::none},
    {"self_attention.core_attention.softmax_offset", Split::axis_0},
    {"self_attention.weight", {}},
    {"self_attention.layer_norm_weight", Split::none},
    // Latent attention
    {"self_attention.linear_q_proj.weight", Split::axis_0},
    {"self_attention.linear_q_proj.layer_norm_weight", Split::none},
    {"self_attention.linear_q_down_proj.weight", {}},
    {"self_attention.linear_q_up_proj.weight", Split::axis_0},
    {"self_attention.linear_q_up_proj.layer_norm_weight", Split::none},
    {"self_attention.linear_kv_down_proj.weight", {}},
    {"self_attention.linear_kv_up_proj.weight", Split::axis_0},
    {"self_attention.linear_kv_up_proj.layer_norm_weight", Split::none},
    {"self_attention.kv_layernorm.weight", Split::none},
    // Its indexer, where it is sparse
    {"self_attention.core_attention.indexer.linear_wq_b.weight", {}},
    {"self_attention.core_attention.indexer.linear_wk.weight", {}},
    {"self_attention.core_attention.indexer.k_norm.weight", Split::none},
    {"self_attention.core_attention.indexer.k_norm.bias", Split::none},
    {"self_attention.core_attention.indexer.linear_weights_proj.weight", {}},
    // Attention over a window and joined tokens
    {"self_attention.linear_kv_proj.weight", Split::axis_0},
    {"self_attention.linear_o_group_proj", Split::none, State::absent},
    {"self_attention.core_attention.attn_sink", Split::axis_0, State::absent},
    {"self_attention.core_attention.compressor.linear_wkv.weight", Split::none},
    {"self_attention.core_attention.compressor.linear_wgate.weight", Split::none},
    {"self_attention.core_attention.compressor.ape", Split::none, State::absent},
    {"self_attention.core_attention.compressor.norm.weight", Split::none},
    {"self_attention.core_attention.indexer.compressor.linear_wkv.weight", Split::none},
    {"self_attention.core_attention.indexer.compressor.linear_wgate.weight", Split::none},
    {"self_attention.core_attention.indexer.compressor.ape", Split::none, State::absent},
    {"self_attention.core_attention.indexer.compressor.norm.weight", Split::none},
    // Gated DeltaNet
    {"self_attention.in_proj.layer_norm_weight", Split::none},
    {"self_attention.in_proj.weight", Split::axis_0},
    {"self_attention.conv1d.weight", Split::axis_0},
    {"self_attention.A_log", Split::axis_0},
    {"self_attention.dt_bias", Split::axis_0},
    {"self_attention.out_norm.weight", Split::none},
    {"self_attention.out_proj.weight", Split::axis_1},
    {"self_attention.linear_gate.weight", {}},
    // Mamba
    {"mixer.in_proj.layer_norm_weight", Split::none},
    {"mixer.in_proj.weight", Split::axis_0},
    {"mixer.conv1d.weight", Split::axis_0},
    {"mixer.conv1d.bias", Split::axis_0},
    {"mixer.A_log", Split::axis_0},
    {"mixer.D", Split::axis_0},
    {"mixer.dt_bias", Split::axis_0},
    {"mixer.norm.weight", Split::axis_0},
    {"mixer.out_proj.weight", Split::axis_1},
    // Feed forward
    {"pre_mlp_layernorm.weight", Split::none},
    {"pre_mlp_layernorm.bias", Split::none},
    {"mlp.linear_fc1.weight", Split::axis_0, State::kept, true},
    {"mlp.linear_fc1.bias", Split::axis_0, State::kept, true},
    {"mlp.linear_fc1.layer_norm_weight", Split::none},
    {"mlp.linear_fc1.layer_norm_bias", Split::none},
    {"mlp.linear_fc2.weight", Split::axis_1, State::kept},
    {"mlp.linear_fc2.bias", Split::none},
    {"mlp.linear_fc2.post_layernorm.weight", Split::none},
    {"mlp.weight", {}},
    {"mlp.layer_norm_weight", Split::none},
    {"norm.weight", {}},
    // Mixture of experts
    {"mlp.router.weight", Split::none, State::absent},
    {"mlp.router.bias", Split::none, State::absent},
    {"mlp.router.expert_bias", Split::none, State::absent},
    {"mlp.router.tid2eid", Split::none, State::absent},
    {"mlp.router.scale", Split::none},
    {"mlp.router.per_expert_scale", Split::none},
    {"mlp.experts.linear_fc1.weight", Split::axis_0, State::any, true},
    {"mlp.experts.linear_fc1.bias", Split::axis_0, State::any, true},
    {"mlp.experts.linear_fc2.weight", Split::axis_1},
    {"mlp.experts.linear_fc2.bias", Split::none},
    {"mlp.shared_experts.linear_fc1.weight", Split::axis_0, State::kept, true},
    {"mlp.shared_experts.linear_fc2.weight", Split::axis_1, State::kept},
    {"mlp.shared_experts.gate_weight", Split::none},
    {"mlp.fc1_latent_proj.weight", {}},
    {"mlp.fc2_latent_proj.weight", {}},
    {"mlp.post_moe_layernorm.weight", Split::none},
    {"mlp.post_shared_expert_layernorm.weight", Split::none},
    // Further norms and scales
    {"post_self_attn_layernorm.weight", Split::none},
    {"post_attention_layernorm.weight", Split::none},
    {"post_mlp_layernorm.weight", Split::none},
    {"post_ffn_layernorm.weight", Split::none},
    {"pre_shared_expert_layernorm.weight", Split::none},
    {"layer_scalar", Split::none},
    // Embeddings of every layer
    {"per_layer_embedding.weight", {}},
    {"per_layer_model_proj.weight", {}},
    {"per_layer_proj_norm.weight", Split::none},
    {"per_layer_input_gate.weight", {}},
    {"per_layer_projection.weight", {}},
    {"post_per_layer_input_norm.weight", Split::none},
    // Prediction layers
    {"enorm.weight", Split::none},
    {"hnorm.weight", Split::none},
    {"eh_proj.weight", Split::axis_0},
    {"e_proj.weight", Split::axis_0},
    {"h_proj.weight", Split::axis_0},
    {"final_layernorm.weight", Split::none},
    // Hyper-connections
    {"self_attention_hyper_connection.mapping_proj.weight", Split::none, State::absent},
    {"self_attention_hyper_connection.bias", Split::none, State::absent},
    {"self_attention_hyper_connection.alpha_pre", Split::none, State::absent},
    {"self_attention_hyper_connection.alpha_post", Split::none, State::absent},
    {"self_attention_hyper_connection.alpha_res", Split::none, State::absent},
    {"mlp_hyper_connection.mapping_proj.weight", Split::none, State::absent},
    {"mlp_hyper_connection.bias", Split::none, State::absent},
    {"mlp_hyper_connection.alpha_pre", Split::none, State::absent},
    {"mlp_hyper_connection.alpha_post", Split::none, State::absent},
    {"mlp_hyper_connection.alpha_res", Split::none, State::absent},
    {"decoder.hc_head_fn", Split::none, State::absent},
    {"decoder.hc_head_base", Split::none, State::absent},
    {"decoder.hc_head_scale", Split::none, State::absent},
    {"hc_head_fn", Split::none, State::absent},
    {"hc_head_base", Split::none, State::absent},
    {"hc_head_scale", Split::none, State::absent},
};

// Letters to change, add or take out.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// A mixer beside an attention goes by another name, with the same parameters.
std::string plain_mixer(std::string_view name) {
  constexpr std::string_view kBeside = "mamba_mixer.";
  std::string plain{name};
  if (const auto at = plain.rfind(kBeside); at != plain.npos) plain.replace(at, kBeside.size(), "mixer.");
  return plain;
}

// "mixer.in_proj.weight.z" is a part of "mixer.in_proj.weight".
std::string_view without_part(std::string_view name) {
  for (const auto* whole : {".in_proj.weight.", ".conv1d.weight.", ".conv1d.bias."})
    if (const auto at = name.rfind(whole); at != name.npos)
      return name.substr(0, at + std::string_view{whole}.size() - 1);
  return name;
}

}  // namespace

const KnownParameter* known_parameter(std::string_view name) {
  const auto plain = plain_mixer(name);
  const auto whole = without_part(plain);
  const KnownParameter* longest = nullptr;
  for (const auto& known : kKnown) {
    const bool ends =
        whole == known.name || (whole.ends_with(known.name) && whole[whole.size() - known.name.size() - 1] == '.');
    if (ends && (longest == nullptr || known.name.size() > longest->name.size())) longest = &known;
  }
  return longest;
}

std::optional<std::string> near_name(std::string_view name) {
  const auto whole = without_part(name);
  const KnownParameter* nearest = nullptr;
  std::size_t least = 4;
  for (const auto& known : kKnown)
    if (const auto letters = distance(whole, known.name); letters < least && letters * 4 < known.name.size()) {
      least = letters;
      nearest = &known;
    }
  if (nearest == nullptr) return {};
  return std::string{nearest->name};
}

std::string_view meaning(Split split) {
  switch (split) {
    case Split::none: return "whole on every rank";
    case Split::axis_0: return "cut by rows";
    case Split::axis_1: return "cut by columns";
    case Split::axis_2: return "cut along axis 2";
  }
  return {};
}

}  // namespace weighbridge
