#pragma once
// What Granite and GraniteMoe compute, as transformers writes it.

#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/rope_translation.hpp>

#include <cstdint>
#include <string>
#include <utility>

#include "multipliers.hpp"

namespace granite {

using namespace weighbridge;

enum class Kind : std::uint8_t { dense = 1, mixture };

inline constexpr auto kRope = every_scaling(10000.0, "llama3");  // where a config.json does not say
inline constexpr std::int64_t kExperts = 8, kChosen = 2;

inline std::int64_t experts_of(const Config& c) { return c.integer("num_local_experts", kExperts); }

inline forward::Matrix forward_experts(const Config& c, const Forward& run, const std::string& at, const forward::Matrix& x) {
  const auto inner = c.integer("intermediate_size"), hidden = x.columns;
  const forward::Routing routing{.score = forward::Score::softmax_of_chosen, .chosen = c.integer("num_experts_per_tok", kChosen)};
  return forward::mixture(x, run.linear(at + "router.layer.weight", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    const auto both = run.linear(at + "input_linear.weight", own, e * 2 * inner, 2 * inner);
    return run.linear(at + "output_linear.weight", forward::gated(forward::columns(both, 0, inner), forward::columns(both, inner, inner), {}), e * hidden, hidden);
  });
}

inline void forward_model(const Config& c, const Forward& run, Kind kind) {
  const auto m = multipliers_of(c);
  const auto heads = attention_heads(c), width = head_width(c);
  const forward::Attention attention{.heads = heads, .groups = c.integer("num_key_value_heads", heads), .width = width, .values = width,
                                     .scale = static_cast<float>(m.attention)};
  const auto rotary = forward::stated_rotary(c, kRope.theta, width, kRope.slowed);
  const forward::Norm norm{.epsilon = static_cast<float>(m.epsilon)};
  const auto residual = static_cast<float>(m.residual);
  auto x = run.embedded("model.embed_tokens.weight");
  forward::scale(x, static_cast<float>(m.embedding));
  const auto add = [&](forward::Matrix made) {
    forward::scale(made, residual);
    forward::add(x, made);
  };
  // The stream as Megatron's model holds it.
  const auto tell = [&](std::int64_t layer) {
    auto told = x;
    forward::scale(told, 1 / residual);
    run.state(layer, told);
  };
  tell(-1);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto normed = [&](const char* name) { return forward::rms_norm(x, run.values(layer + name), norm); };
    add(forward::separate_attention(run, layer + "self_attn.", normed("input_layernorm.weight"), attention, rotary));
    const auto inner = normed("post_attention_layernorm.weight");
    add(kind == Kind::mixture ? forward_experts(c, run, layer + "block_sparse_moe.", inner) : forward::separate_gated(run, layer + "mlp.", inner));
    tell(i);
  }
  auto logits = forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), c.flag("tie_word_embeddings"));
  forward::scale(logits, static_cast<float>(1.0 / m.logits));
  run.logits(logits);
}

}  // namespace granite
