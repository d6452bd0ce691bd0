// What MiMo-V2-Flash computes, on either side.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_mixture.hpp>

#include <cmath>
#include <string>

#include "mimo_v2_flash.hpp"
#include "mimo_v2_geometry.hpp"

namespace mimo {
namespace {

// The part of a head that turns, in whole features.
std::int64_t turned_width(std::int64_t width, double share) { return static_cast<std::int64_t>(static_cast<double>(width) * share); }

forward::Matrix attention(const Config& c, const Forward& run, const std::string& at, const forward::Matrix& x, bool window) {
  const auto width = head_width(c), values = value_width(c), heads = attention_heads(c);
  const auto groups = window ? groups_of(c).window : groups_of(c).everywhere;
  const auto theta = c.number("rope_theta", c.number("rope_parameters.rope_theta", 10000.0));
  const auto share = c.number("partial_rotary_factor", c.number("rope_parameters.partial_rotary_factor", 1.0));
  const forward::Rotary rotary{forward::frequencies_of(window ? c.number("swa_rope_theta", theta) : theta, turned_width(width, share))};
  auto q = run.module(at + "q_proj.", x), k = run.module(at + "k_proj.", x), v = run.module(at + "v_proj.", x);
  forward::rotate(q, width, run.length(), rotary);
  forward::rotate(k, width, run.length(), rotary);
  forward::scale(v, static_cast<float>(c.number("attention_value_scale", 1.0)));
  forward::Attention core{.heads = heads, .groups = groups, .width = width, .values = values,
                          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(width)))};
  if (window) {
    core.window = c.has("sliding_window_size") ? c.integer("sliding_window_size") : c.integer("sliding_window");
    core.sinks = run.values(at + "attention_sink_bias");
  }
  return run.module(at + "o_proj.", forward::attend(q, k, v, run.length(), core));
}

forward::Routing routing_of(const Config& c) {
  return {.score = forward::Score::sigmoid, .chosen = c.integer("num_experts_per_tok"), .normalised = c.flag("norm_topk_prob", true),
          .scale = static_cast<float>(c.number("routed_scaling_factor", 1.0)), .groups = c.integer("n_group", 1),
          .chosen_groups = c.integer("topk_group", 1), .group_best = 2};
}

}  // namespace

void V2Flash::forward_hugging_face(const Config& c, Forward& run) {
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("layernorm_epsilon", 1e-6))};
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    forward::add(x, attention(c, run, layer + "self_attn.", forward::rms_norm(x, run.values(layer + "input_layernorm.weight"), norm), has_window(c, i)));
    const auto normed = forward::rms_norm(x, run.values(layer + "post_attention_layernorm.weight"), norm);
    forward::add(x, is_mixture(c, i) ? forward::separate_mixture(run, layer + "mlp.", normed, routing_of(c))
                                        : forward::separate_gated(run, layer + "mlp.", normed));
    run.state(i, x);
  }
  run.logits(forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), c.flag("tie_word_embeddings")));
}

// Megatron-Bridge's layers: by the pattern, groups, window and rotary base of their own, and values that are scaled.
void V2Flash::forward_megatron(const Config& megatron, Forward& run) {
  forward::megatron_gpt(megatron, run, {.group_best = 2}, [&](std::int64_t layer, forward::MegatronAttention& a) {
    const bool window = megatron.integer(Config::at("hybrid_attention_pattern", layer)) != 0;
    a.core.groups = megatron.integer(window ? "swa_num_query_groups" : "full_attn_num_query_groups", a.core.groups);
    a.core.values = megatron.integer("v_head_dim", a.core.width);
    a.core.window = window ? megatron.integer("window_size") : 0;
    a.rotary = {forward::frequencies_of(megatron.number(window ? "rotary_base.0" : "rotary_base.1"),
                                        turned_width(a.core.width, megatron.number("rotary_percent", 1.0)))};
    a.value_scale = static_cast<float>(megatron.number("attention_value_scale", 1.0));
  });
}

}  // namespace mimo
