#pragma once
// What both models of Sarvam have in common: a decoder that is dense in its first layers and a mixture of experts behind
// them. Experts are scored by sigmoid, a bias that is learned apart helps to choose, chosen weights add up to one and are
// scaled; shared experts see every token.

#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/model.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sarvam {

using namespace weighbridge;

// Experts of a token come from `chosen` of `count` groups; one group is none.
struct Groups {
  std::int64_t count{1}, chosen{1};
};

// Where a config.json leaves fields out, these are the config class's.
struct Mixture {
  std::int64_t experts{}, width{}, shared{}, chosen{}, first{};
  double scale{};
  bool bias{};
};

inline Mixture mixture_of(const Config& hf) {
  const Mixture m{hf.integer("num_experts", 128), hf.integer("moe_intermediate_size"), hf.is_null("num_shared_experts") ? 0 : hf.integer("num_shared_experts", 1),
                  hf.integer("num_experts_per_tok"), hf.integer("first_k_dense_replace", 1), hf.number("routed_scaling_factor", 2.5),
                  hf.flag("moe_router_enable_expert_bias", true)};
  if (m.experts < 1 || m.width < 1 || m.shared < 0 || m.chosen < 1 || m.first < 0)
    throw Failure("num_experts, moe_intermediate_size, num_shared_experts, num_experts_per_tok or first_k_dense_replace is too small");
  return m;
}

// The second half of layer number `index`; `bias` is what the router's is called.
inline void feed_forward_equations(const Config& c, const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t index, std::string_view bias) {
  const auto m = mixture_of(c);
  const auto hidden = c.integer("hidden_size");
  if (index < m.first) return gated_mlp(layer, hf, c.integer("intermediate_size"), hidden);
  expert_mixture(layer, hf, {hidden, m.experts, m.width, m.shared * m.width}, replicated(hf("mlp.gate.weight", {m.experts, hidden})),
                 m.bias ? std::optional{expert_bias(hf(bias, {m.experts}))} : std::nullopt);
}

// What Megatron-Bridge says of both; `provider` is the class that builds the model.
void decoder_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, std::string_view provider);
void decoder_to_hugging_face(const Config& megatron, const Config& hf, std::string_view module, std::string_view class_name);

void mixture_to_megatron(const Config& hf, const Config& megatron, const Groups& groups);
void mixture_to_hugging_face(const Config& megatron, const Config& hf);

// x is normalised; `at` is "model.layers.3.mlp.".
inline forward::Matrix forward_feed_forward(const Config& c, const Forward& run, std::int64_t index, const std::string& at, const forward::Matrix& x,
                                            const Groups& groups, const std::string& bias) {
  const auto m = mixture_of(c);
  if (index < m.first) return forward::separate_gated(run, at, x);
  const forward::Routing routing{.score = forward::Score::sigmoid, .chosen = m.chosen, .normalised = m.chosen > 1, .scale = static_cast<float>(m.scale),
                                 .groups = groups.count, .chosen_groups = groups.chosen, .group_best = 2};
  return forward::separate_mixture(run, at, x, routing, bias);
}

// Megatron-Core ranks groups by as many experts as are chosen of one; Sarvam by two.
inline void note_groups(const Config& megatron, const Forward& run) {
  const auto groups = megatron.integer("moe_router_group_topk", 0);
  if (groups > 0 && megatron.integer("moe_router_topk", 2) / groups != 2)
    run.note("Megatron-Core ranks groups of experts by the sum of their best " + std::to_string(megatron.integer("moe_router_topk", 2) / groups) +
             ", Sarvam by that of their best 2, which is what is compared");
}

}  // namespace sarvam
