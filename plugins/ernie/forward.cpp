#include "forward.hpp"

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <string>

#include "geometry.hpp"

namespace ernie {
namespace {

forward::Matrix mixture(const Config& c, const Forward& run, const std::string& at, const forward::Matrix& x, const Geometry& g) {
  const forward::Routing routing{.score = forward::Score::softmax, .chosen = c.integer("moe_k", c.integer("num_experts_per_tok", kChosen)), .normalised = true,
                                 .bias = run.values(at + "moe_statics.e_score_correction_bias")};
  auto y = forward::mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    return forward::stored_expert(run, at + "experts.", e, g.expert_width, own);
  });
  if (g.shared_width > 0) forward::add(y, forward::separate_gated(run, at + "shared_experts.", x));
  return y;
}

}  // namespace

void forward_hugging_face(const Config& c, const Forward& run) {
  const auto g = geometry_of(c);
  const auto& a = g.attention;
  const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
  auto rotary = forward::stated_rotary(c, kRope.theta, a.width);
  rotary.pairs = forward::Pairs::neighbours;
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::size_t i = 0; i < g.mixtures.size(); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    auto normed = forward::rms_norm(x, run.values(layer + "input_layernorm.weight"), norm);
    forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed, core, rotary));
    normed = forward::rms_norm(x, run.values(layer + "post_attention_layernorm.weight"), norm);
    forward::add(x, g.mixtures[i] ? mixture(c, run, layer + "mlp.", normed, g) : forward::separate_gated(run, layer + "mlp.", normed));
    run.state(static_cast<std::int64_t>(i), x);
  }
  run.logits(forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), g.tied));
}

void forward_megatron(const Config& megatron, const Forward& run) {
  if (megatron.string("moe_router_score_function", "softmax") != "softmax")
    run.note("Megatron-Core scores experts by " + megatron.string("moe_router_score_function", "softmax") +
             ", transformers by softmax, which is what is compared");
  forward::megatron_gpt(megatron, run, {.score = forward::Score::softmax});
}

}  // namespace ernie
