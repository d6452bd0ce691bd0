#include "forward.hpp"

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <string>

#include "geometry.hpp"

namespace ernie {

void forward_hugging_face(const Config& c, const Forward& run) {
  const auto g = geometry_of(c);
  const auto& a = g.attention;
  const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
  auto rotary = forward::stated_rotary(c, kRope.theta, a.width);
  rotary.pairs = forward::Pairs::neighbours;
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
  const forward::Routing routing{.score = forward::Score::softmax, .chosen = c.integer("moe_k", c.integer("num_experts_per_tok", kChosen)), .normalised = true};
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::size_t i = 0; i < g.mixtures.size(); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    auto normed = forward::rms_norm(x, run.values(layer + "input_layernorm.weight"), norm);
    forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed, core, rotary));
    normed = forward::rms_norm(x, run.values(layer + "post_attention_layernorm.weight"), norm);
    forward::add(x, g.mixtures[i] ? forward::separate_mixture(run, layer + "mlp.", normed, routing, "moe_statics.e_score_correction_bias")
                                  : forward::separate_gated(run, layer + "mlp.", normed));
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
