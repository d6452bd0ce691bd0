#include "forward.hpp"

#include <weighbridge/forward/fused_projections.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <optional>
#include <string>

#include "geometry.hpp"

namespace bailing {
namespace {

// Groups of experts are as good as their best two.
constexpr std::int64_t kGroupBest = 2;

}  // namespace

void forward_hugging_face(const Config& c, const Forward& run) {
  const auto g = geometry_of(c);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
  const auto& a = g.attention;
  const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
  const auto of_heads = g.norms ? std::optional{norm} : std::nullopt;
  const auto rotary = forward::stated_rotary(c, kRope.theta, static_cast<std::int64_t>(static_cast<double>(a.width) * turned_share(c)));
  const auto chosen = c.integer("num_experts_per_tok", 8);
  const forward::Routing routing{.score = forward::Score::sigmoid, .chosen = chosen, .normalised = chosen > 1,
                                 .scale = static_cast<float>(c.number("routed_scaling_factor", 1.0)),
                                 .groups = c.integer("n_group", 8), .chosen_groups = c.integer("topk_group", 4), .group_best = kGroupBest};
  const std::string embedding = "model.word_embeddings.weight";
  auto x = run.embedded(embedding);
  run.state(-1, x);
  for (std::size_t i = 0; i < g.mixtures.size(); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    auto normed = forward::rms_norm(x, run.values(layer + "input_layernorm.weight"), norm);
    forward::add(x, forward::fused_attention(run, layer + "attention.", normed, core, rotary, of_heads));
    normed = forward::rms_norm(x, run.values(layer + "post_attention_layernorm.weight"), norm);
    forward::add(x, g.mixtures[i] ? forward::separate_mixture(run, layer + "mlp.", normed, routing, "gate.expert_bias")
                                  : forward::separate_gated(run, layer + "mlp.", normed));
    run.state(static_cast<std::int64_t>(i), x);
  }
  run.logits(forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), g.tied, embedding));
}

void forward_megatron(const Config& megatron, const Forward& run) {
  forward::tell_group_ranking(megatron, run, kGroupBest);
  forward::megatron_gpt_of_parts(megatron, run, {.group_best = kGroupBest});
}

}  // namespace bailing
