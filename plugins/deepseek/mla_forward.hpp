#pragma once
// What DeepSeek's models compute, as transformers writes it: latent attention and mixtures with shared experts.

#include <weighbridge/forward/latent_attention.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cmath>
#include <cstdint>
#include <string>

#include "mla.hpp"

namespace weighbridge::mla {

// Where the attention's products are scaled by YaRN, and where they are not.
enum class Widened : std::uint8_t { no = 1, yes };

inline forward::LatentAttention latent_attention(const Config& c, const Attention& a, Widened widened) {
  auto scale = 1.0 / std::sqrt(static_cast<double>(a.nope + a.rope));
  const auto rope = rope_of(c, 10000.0);
  const auto of_all = rope.at.empty() ? 0.0 : c.number(rope.at + ".mscale_all_dim", 0.0);
  if (widened == Widened::yes && rope.type != "default" && of_all != 0) {
    const auto wide = forward::yarn_scale(c.number(rope.at + ".factor"), of_all);
    scale *= wide * wide;
  }
  auto positions = forward::stated_rotary(c, 10000.0, a.rope);
  positions.pairs = forward::Pairs::neighbours;
  return {.heads = a.heads, .plain = a.nope, .rotary = a.rope, .values = a.value, .scale = static_cast<float>(scale), .positions = std::move(positions)};
}

// x is normalised; `at` is "model.layers.3.self_attn.".
inline forward::Matrix forward_attention(const Forward& run, const std::string& at, const forward::Matrix& x, const Attention& a,
                                         const forward::LatentAttention& core) {
  const forward::Norm norm{.epsilon = 1e-6F};  // of the latents, whatever the config says of the others
  const auto q = a.query_rank ? run.linear(at + "q_b_proj.weight", forward::rms_norm(run.linear(at + "q_a_proj.weight", x), run.values(at + "q_a_layernorm.weight"), norm))
                              : run.linear(at + "q_proj.weight", x);
  const auto latent = run.linear(at + "kv_a_proj_with_mqa.weight", x);
  const auto normed = forward::rms_norm(forward::columns(latent, 0, a.rank), run.values(at + "kv_a_layernorm.weight"), norm);
  return run.linear(at + "o_proj.weight", forward::attend(q, forward::columns(latent, a.rank, a.rope), run.linear(at + "kv_b_proj.weight", normed), run.length(), core));
}

// `at` is "model.layers.3.mlp.".
inline forward::Matrix forward_mixture(const Forward& run, const std::string& at, const forward::Matrix& x, forward::Routing routing) {
  routing.bias = run.values_if_any(at + "gate.e_score_correction_bias");
  auto y = forward::mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    return forward::separate_gated(run, at + "experts." + std::to_string(e) + ".", own);
  });
  if (run.has(at + "shared_experts.gate_proj.weight")) forward::add(y, forward::separate_gated(run, at + "shared_experts.", x));
  return y;
}

}  // namespace weighbridge::mla
