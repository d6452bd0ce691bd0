#include "forward.hpp"

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cmath>
#include <string>

#include "geometry.hpp"

namespace stepfun {

using namespace weighbridge;

namespace {

// Base and turned share of a layer's heads: lists by layer, or objects by kind of layer in newer files.
forward::Rotary rotary_of(const Config& c, std::int64_t index, const Layer& layer, std::int64_t width) {
  const std::string kind = layer.window ? "rope_parameters.sliding_attention" : "rope_parameters.full_attention";
  const auto listed = Config::at("rope_theta", index);
  const auto theta = c.has(listed) ? c.number(listed) : c.number(kind + ".rope_theta", c.has("rope_theta.0") ? 10000.0 : c.number("rope_theta", 10000.0));
  const auto share = c.number(Config::at("partial_rotary_factors", index), c.number(kind + ".partial_rotary_factor", 1.0));
  const auto features = static_cast<std::int64_t>(static_cast<double>(width) * share);
  const bool scaled = c.string("rope_scaling.rope_type", c.string("rope_scaling.type", "default")) == "yarn";
  return scaled ? forward::stated_yarn(c, theta, "rope_scaling", features) : forward::Rotary{forward::frequencies_of(theta, features)};
}

forward::Gate limited(const Config& c, const char* list, std::int64_t index) {
  return {.clamp = static_cast<float>(c.number(Config::at(list, index), 0))};
}

forward::Matrix attention(const Config& c, const Forward& run, const std::string& at, const forward::Matrix& x, const Geometry& g, std::int64_t index,
                          const forward::Norm& norm) {
  const auto& layer = g.layers[static_cast<std::size_t>(index)];
  const auto& heads = g.heads(layer);
  auto q = run.linear(at + "q_proj.weight", x), k = run.linear(at + "k_proj.weight", x);
  if (run.has(at + "q_norm.weight")) {
    auto head = norm;
    head.width = heads.width;
    q = forward::rms_norm(std::move(q), run.values(at + "q_norm.weight"), head);
    k = forward::rms_norm(std::move(k), run.values(at + "k_norm.weight"), head);
  }
  const auto rotary = rotary_of(c, index, layer, heads.width);
  forward::rotate(q, heads.width, run.length(), rotary);
  forward::rotate(k, heads.width, run.length(), rotary);
  auto y = forward::attend(q, k, run.linear(at + "v_proj.weight", x), run.length(),
                           forward::grouped_queries(heads.count, heads.groups, heads.width, layer.window ? c.integer("sliding_window", 512) : 0));
  if (c.flag("use_head_wise_attn_gate", true)) {
    const auto gate = run.linear(at + "g_proj.weight", x);  // a number for each head
    for (std::int64_t t = 0; t < y.rows; ++t)
      for (std::int64_t j = 0; j < y.columns; ++j) y.row(t)[j] *= forward::sigmoid(gate.row(t)[j / heads.width]);
  }
  return run.linear(at + "o_proj.weight", y);
}

forward::Matrix gated(const Forward& run, const std::string& at, const forward::Matrix& x, const forward::Gate& gate) {
  return run.linear(at + "down_proj.weight", forward::gated(run.linear(at + "gate_proj.weight", x), run.linear(at + "up_proj.weight", x), gate));
}

forward::Matrix mixture(const Config& c, const Forward& run, const std::string& layer, const forward::Matrix& x, const Geometry& g, std::int64_t index) {
  const auto at = layer + "moe.";
  const forward::Routing routing{.score = c.string("moe_router_activation", "softmax") == "sigmoid" ? forward::Score::sigmoid : forward::Score::softmax,
                                 .chosen = g.chosen, .normalised = c.flag("norm_expert_weight", true),
                                 .scale = static_cast<float>(c.number("moe_router_scaling_factor", 1.0)), .bias = run.values_if_any(at + "router_bias")};
  const auto gate = limited(c, "swiglu_limits", index);
  auto y = forward::mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
    const auto of = [&](const char* name) { return run.linear(at + name, own, e * g.expert_width, g.expert_width); };
    return run.linear(at + "down_proj.weight", forward::gated(of("gate_proj.weight"), of("up_proj.weight"), gate), e * g.hidden, g.hidden);
  });
  forward::add(y, gated(run, layer + "share_expert.", x, limited(c, "swiglu_limits_shared", index)));
  return y;
}

}  // namespace

void forward_hugging_face(const Config& c, const Forward& run) {
  const auto g = geometry_of(c, 0);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-5)), .offset = c.flag("zero_centered", true) ? 1.0F : 0.0F};
  const auto normed = [&](const forward::Matrix& x, const std::string& name) { return forward::rms_norm(x, run.values(name), norm); };
  auto x = run.embedded("model.embed_tokens.weight");
  run.state(-1, x);
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(g.layers.size()); ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    forward::add(x, attention(c, run, layer + "self_attn.", normed(x, layer + "input_layernorm.weight"), g, i, norm));
    const auto inner = normed(x, layer + "post_attention_layernorm.weight");
    forward::add(x, g.layers[static_cast<std::size_t>(i)].mixture ? mixture(c, run, layer, inner, g, i)
                                                                  : gated(run, layer + "mlp.", inner, limited(c, "swiglu_limits", i)));
    run.state(i, x);
  }
  run.logits(forward::output(run, normed(x, "model.norm.weight"), c.flag("tie_word_embeddings")));
}

// Megatron-Bridge's layers, by layer_types. Where its reading of the model differs from the model's own, that counts.
void forward_megatron(const Config& c, const Forward& run) {
  const std::string window = "sliding_attention_setting.";
  const bool shares_stated = c.has("rotary_percents.0");
  run.note("Megatron-Bridge lets layers with a window see one key more than the model's own code, which is what is compared");
  if (!shares_stated)
    run.note("the Megatron checkpoint does not say which part of a head is turned; that of the published model is taken: half in layers without a window");
  forward::MegatronExtras extras;
  for (std::int64_t i = 0; i < c.find_count("swiglu_limits").value_or(0); ++i)
    extras.clamps.push_back(static_cast<float>(c.number(Config::at("swiglu_limits", i), 0)));
  for (std::int64_t i = 0; i < c.find_count("swiglu_limits_shared").value_or(0); ++i) {
    const auto own = static_cast<float>(c.number(Config::at("swiglu_limits_shared", i), 0));
    extras.shared_clamps.push_back(own > 0 ? own : forward::clamp_of(extras.clamps, i).value_or(0));  // without one, that of the others
  }
  forward::megatron_gpt(c, run, extras, [&](std::int64_t layer, forward::MegatronAttention& a) {
    const bool slides = c.string(Config::at("layer_types", layer), "full_attention") == "sliding_attention";
    if (slides) {
      a.core.heads = c.integer(window + "num_attention_heads", a.core.heads);
      a.core.groups = c.integer(window + "num_query_groups", a.core.groups);
      a.core.width = a.core.values = c.integer(window + "kv_channels", a.core.width);
      a.core.window = c.integer(window + "window_size.0");
      a.core.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(a.core.width)));
    }
    const auto base = c.number(Config::at("rotary_base_per_layer", layer), c.number("rotary_base", 10000));
    const auto share = c.number(Config::at("rotary_percents", layer), shares_stated || slides ? 1.0 : 0.5);
    if (!c.has("yarn_rotary_scaling_factor"))
      a.rotary = {forward::frequencies_of(base, static_cast<std::int64_t>(static_cast<double>(a.core.width) * share))};
  });
}

}  // namespace stepfun
