#pragma once
// The feed-forward of models whose first layers are dense and whose others are mixtures of experts, some of them shared.
//
//   x + down(silu(gate(norm(x))) * up(norm(x)))
//   x + shared(norm(x)) + sum over the chosen experts of weight * expert(norm(x))

#include <weighbridge/experts.hpp>
#include <weighbridge/model.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {

// gate above up, and down, of a SwiGLU of that width.
inline void gated_projections(const MegatronLayer& mlp, const HuggingFaceLayer& hf, const std::string& name, std::int64_t width, std::int64_t hidden) {
  mlp["linear_fc1.weight"] = column(concat(hf(name + "gate_proj.weight", {width, hidden}), hf(name + "up_proj.weight", {width, hidden})));
  mlp["linear_fc2.weight"] = row(hf(name + "down_proj.weight", {hidden, width}));
}

// The feed-forward of a dense layer, with the norm before it.
inline void gated_mlp(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t width, std::int64_t hidden) {
  layer["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
  gated_projections(layer.under("mlp."), hf, "mlp.", width, hidden);
}

// The biases of the same layer.
inline void gated_biases(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t width, std::int64_t hidden) {
  layer["mlp.linear_fc1.bias"] = column(concat(hf("mlp.gate_proj.bias", {width}), hf("mlp.up_proj.bias", {width})));
  layer["mlp.linear_fc2.bias"] = replicated(hf("mlp.down_proj.bias", {hidden}));
}

struct ExpertMixture {
  std::int64_t hidden{}, count{}, width{};
  std::int64_t shared_width{};  // 0: no shared experts
  bool bias{};                  // whether a bias helps to choose (and only that)
};

// The feed-forward of a layer of experts, with the norm before it. They have tensors of their own unless the source packs them. Families
// differ about the router: what it and its bias are called and how they are kept, and what the shared experts are called.
inline void expert_mixture(const MegatronLayer& layer, const HuggingFaceLayer& hf, const ExpertMixture& e, const Parameter& router_weight,
                           const std::optional<Parameter>& router_bias, const std::string& shared = "mlp.shared_experts.") {
  layer["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {e.hidden}));
  layer["mlp.router.weight"] = router_weight;
  if (router_bias) layer["mlp.router.expert_bias"] = *router_bias;
  stored_experts(layer, hf, "mlp.experts.", e.count, e.width, e.hidden);
  if (e.shared_width > 0) gated_projections(layer.under("mlp.shared_experts."), hf, shared, e.shared_width, e.hidden);
}

// With the names that most families give them.
inline void expert_mixture(const MegatronLayer& layer, const HuggingFaceLayer& hf, const ExpertMixture& e) {
  std::optional<Parameter> bias;
  if (e.bias) bias = expert_bias(hf("mlp.gate.e_score_correction_bias", {e.count}));
  expert_mixture(layer, hf, e, replicated(hf("mlp.gate.weight", {e.count, e.hidden})), bias);
}

}  // namespace sdk_v1
}  // namespace weighbridge
