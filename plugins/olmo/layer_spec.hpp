#pragma once
// The layer of OLMo 2 and 3 in Megatron: made of Megatron-Core's modules and two of Megatron-Bridge's, as a specification that Megatron-Bridge
// builds from the document alone.
//
//   x + norm(attention(x)),  x + norm(mlp(x)):  norms behind the row-parallel layers (as Gemma 2 has them), none before the column-parallel ones,
//   and an RMSNorm over all queries and one over all keys (as MiniMax-M2 has them).

#include <weighbridge/config.hpp>

#include <string>
#include <string_view>

namespace olmo {

using namespace weighbridge;

namespace spec {

inline constexpr std::string_view kModule = "megatron.core.transformer.spec_utils.ModuleSpec";
inline constexpr std::string_view kColumn = "megatron.core.extensions.transformer_engine.TEColumnParallelLinear";
inline constexpr std::string_view kRowWithNorm = "megatron.bridge.models.common.te_layers.TERowParallelLinearLayerNorm";
inline constexpr std::string_view kQueryNorm = "megatron.bridge.models.minimax_m2.minimax_m2_provider.FullDimQNorm";
inline constexpr std::string_view kKeyNorm = "megatron.bridge.models.minimax_m2.minimax_m2_provider.FullDimKNorm";
inline constexpr std::string_view kBiasDropoutAdd = "megatron.core.fusions.fused_bias_dropout.get_bias_dropout_add";

// A class or function itself, as opposed to a call of it.
inline void reference(const Config& megatron, const std::string& at, std::string_view target) {
  megatron.set(at + "._call_", false);
  megatron.set(at + "._target_", target);
}

}  // namespace spec

inline void layer_spec_to_megatron(const Config& megatron) {
  const std::string layer = "transformer_layer_spec", parts = layer + ".submodules.";
  megatron.set(layer + "._target_", spec::kModule);
  spec::reference(megatron, layer + ".module", "megatron.core.transformer.transformer_layer.TransformerLayer");
  megatron.set(parts + "_target_", "megatron.core.transformer.transformer_layer.TransformerLayerSubmodules");

  const auto attention = parts + "self_attention";
  megatron.set(attention + "._target_", spec::kModule);
  spec::reference(megatron, attention + ".module", "megatron.core.transformer.attention.SelfAttention");
  megatron.set(attention + ".params.attn_mask_type._target_", "megatron.core.transformer.enums.AttnMaskType");
  megatron.set_list(attention + ".params.attn_mask_type._args_");
  megatron.set(attention + ".params.attn_mask_type._args_.0", 2);  // causal
  megatron.set(attention + ".submodules._target_", "megatron.core.transformer.attention.SelfAttentionSubmodules");
  spec::reference(megatron, attention + ".submodules.linear_qkv", spec::kColumn);
  spec::reference(megatron, attention + ".submodules.core_attention", "megatron.core.extensions.transformer_engine.TEDotProductAttention");
  spec::reference(megatron, attention + ".submodules.linear_proj", spec::kRowWithNorm);
  spec::reference(megatron, attention + ".submodules.q_layernorm", spec::kQueryNorm);
  spec::reference(megatron, attention + ".submodules.k_layernorm", spec::kKeyNorm);
  spec::reference(megatron, parts + "self_attn_bda", spec::kBiasDropoutAdd);

  const auto mlp = parts + "mlp";
  megatron.set(mlp + "._target_", spec::kModule);
  spec::reference(megatron, mlp + ".module", "megatron.core.transformer.mlp.MLP");
  megatron.set(mlp + ".submodules._target_", "megatron.core.transformer.mlp.MLPSubmodules");
  spec::reference(megatron, mlp + ".submodules.linear_fc1", spec::kColumn);
  spec::reference(megatron, mlp + ".submodules.linear_fc2", spec::kRowWithNorm);
  spec::reference(megatron, parts + "mlp_bda", spec::kBiasDropoutAdd);
}

inline bool has_layer_spec(const Config& megatron) {
  const std::string attention = "transformer_layer_spec.submodules.self_attention.submodules.";
  return megatron.string("transformer_layer_spec._target_", "") == spec::kModule &&
         megatron.string(attention + "linear_proj._target_", "") == spec::kRowWithNorm && megatron.string(attention + "q_layernorm._target_", "") == spec::kQueryNorm;
}

}  // namespace olmo
