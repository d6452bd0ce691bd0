#pragma once
// What Nemotron-H computes, as transformers writes it.

#include <weighbridge/forward/fused_mixer.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>

#include <cstdint>
#include <string>

namespace nemotron_h {

using namespace weighbridge;

struct Parts {
  std::string kinds;                // a letter a layer
  std::string backbone, embedding;  // "backbone.", "backbone.embeddings.weight"
  std::int64_t heads{}, groups{}, width{};
  Mamba2 mamba;
};

// down(relu(up(x))^2)
inline forward::Matrix forward_mlp(const Forward& run, const std::string& at, const forward::Matrix& x) {
  return run.module(at + "down_proj.", forward::activated(run.module(at + "up_proj.", x), forward::Activation::squared_relu));
}

// Expert e: tensors of its own, or its part of those that transformers holds in memory.
inline forward::Matrix forward_expert(const Forward& run, const std::string& at, std::int64_t e, const forward::Matrix& x) {
  if (!run.has(at + "up_proj")) return forward_mlp(run, at + std::to_string(e) + ".", x);
  const auto width = run.shape(at + "up_proj").at(1);
  const auto inner = forward::activated(run.linear(at + "up_proj", x, e * width, width), forward::Activation::squared_relu);
  return run.linear(at + "down_proj", inner, e * x.columns, x.columns);
}

inline forward::Matrix forward_mixture(const Config& c, const Forward& run, const std::string& at, const forward::Matrix& x) {
  const forward::Routing routing{.score = forward::Score::sigmoid, .chosen = c.integer("num_experts_per_tok", 2), .normalised = c.flag("norm_topk_prob", true),
                                 .scale = static_cast<float>(c.number("routed_scaling_factor", 1.0)), .bias = run.values(at + "gate.e_score_correction_bias"),
                                 .groups = c.integer("n_group", 1), .chosen_groups = c.integer("topk_group", 1), .group_best = 2};
  const bool latent = run.has(at + "fc1_latent_proj.weight");
  auto y = forward::mixture(latent ? run.module(at + "fc1_latent_proj.", x) : x, run.linear(at + "gate.weight", x), routing,
                            [&](std::int64_t e, const forward::Matrix& own) { return forward_expert(run, at + "experts.", e, own); });
  if (latent) y = run.module(at + "fc2_latent_proj.", y);
  forward::add(y, forward_mlp(run, at + "shared_experts.", x));
  return y;
}

inline void forward_model(const Config& c, const Forward& run, const Parts& parts) {
  const auto attention = forward::grouped_queries(parts.heads, parts.groups, parts.width);
  const auto epsilon = static_cast<float>(c.number("layer_norm_epsilon", c.number("rms_norm_eps", 1e-5)));
  const auto least_step = static_cast<float>(c.number("mamba_dt_min", c.number("time_step_min", 0.001)));
  const forward::Norm norm{.epsilon = epsilon};
  auto x = run.embedded(parts.embedding);
  run.state(-1, x);
  for (std::size_t i = 0; i < parts.kinds.size(); ++i) {
    const auto layer = parts.backbone + "layers." + std::to_string(i) + ".", at = layer + "mixer.";
    const auto normed = forward::rms_norm(x, run.values(layer + "norm.weight"), norm);
    switch (parts.kinds[i]) {
      case 'M': forward::add(x, forward::fused_mamba(run, at, normed, parts.mamba, epsilon, least_step)); break;
      case '*': forward::add(x, forward::separate_attention(run, at, normed, attention, {})); break;
      case '-': forward::add(x, forward_mlp(run, at, normed)); break;
      default: forward::add(x, forward_mixture(c, run, at, normed));
    }
    run.state(static_cast<std::int64_t>(i), x);
  }
  x = forward::rms_norm(x, run.values(parts.backbone + "norm_f.weight"), norm);
  run.logits(forward::output(run, x, c.flag("tie_word_embeddings"), parts.embedding));
}

}  // namespace nemotron_h
