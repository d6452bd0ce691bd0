// What Gemma 1, 2 and 3 compute, on either side.

#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <cmath>
#include <optional>
#include <string>

#include "gemma.hpp"
#include "generations.hpp"

namespace gemma {
namespace {

// The layers of all three, as transformers writes them. `attention` and `rotary` may differ by layer.
template <class Of>
void forward_decoder(const Config& c, const Forward& run, Generation generation, Of&& of_layer) {
  const auto sizes = sizes_of(c, generation);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6)), .offset = 1};
  const auto head_norm = generation == Generation::third ? std::optional{norm} : std::nullopt;
  const auto normed = [&](const forward::Matrix& x, const std::string& name) { return forward::rms_norm(x, run.values(name), norm); };
  auto x = run.embedded("model.embed_tokens.weight");
  forward::scale(x, std::sqrt(static_cast<float>(sizes.hidden)));
  run.state(-1, x);
  for (std::int64_t i = 0; i < sizes.layers; ++i) {
    const auto layer = "model.layers." + std::to_string(i) + ".";
    const auto [attention, rotary] = of_layer(i);
    const auto attended = forward::separate_attention(run, layer + "self_attn.", normed(x, layer + "input_layernorm.weight"), attention, rotary, head_norm);
    if (generation == Generation::first) {
      forward::add(x, attended);
      forward::add(x, forward::separate_gated(run, layer + "mlp.", normed(x, layer + "post_attention_layernorm.weight"), forward::Activation::gelu_tanh));
    } else {
      forward::add(x, normed(attended, layer + "post_attention_layernorm.weight"));
      const auto made = forward::separate_gated(run, layer + "mlp.", normed(x, layer + "pre_feedforward_layernorm.weight"), forward::Activation::gelu_tanh);
      forward::add(x, normed(made, layer + "post_feedforward_layernorm.weight"));
    }
    run.state(i, x);
  }
  auto logits = forward::output(run, normed(x, "model.norm.weight"), is_tied(c));
  if (generation == Generation::second) forward::soft_cap(logits, static_cast<float>(c.number("final_logit_softcapping", c.is_null("final_logit_softcapping") ? 0 : 30)));
  run.logits(logits);
}

struct OfLayer {
  forward::Attention attention;
  forward::Rotary rotary;
};

OfLayer everywhere(const Config& c, const Sizes& sizes) {
  return {forward::grouped_queries(sizes.heads, sizes.groups, sizes.width),
          forward::stated_rotary(c, 10000.0, sizes.width)};
}

forward::MegatronExtras extras_of(const Config& megatron) {
  return {.embedding_scale = std::sqrt(static_cast<float>(megatron.integer("hidden_size")))};
}

}  // namespace

void Gemma1::forward_hugging_face(const Config& c, Forward& run) {
  const auto same = everywhere(c, sizes_of(c, Generation::first));
  forward_decoder(c, run, Generation::first, [&](std::int64_t) { return same; });
}

void Gemma1::forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run, extras_of(megatron)); }

void Gemma2::forward_hugging_face(const Config& c, Forward& run) {
  const auto sizes = sizes_of(c, Generation::second);
  const auto global = global_layers(c, sizes.layers, 2);
  forward_decoder(c, run, Generation::second, [&](std::int64_t layer) {
    auto own = everywhere(c, sizes);
    own.attention.scale = static_cast<float>(1.0 / std::sqrt(c.number("query_pre_attn_scalar", 256)));
    own.attention.cap = static_cast<float>(c.number("attn_logit_softcapping", c.is_null("attn_logit_softcapping") ? 0 : 50));
    if (!global[static_cast<std::size_t>(layer)]) own.attention.window = c.integer("sliding_window", 4096);
    return own;
  });
}

// Its core attention has a window in layers of odd number, counted from one, and caps its products.
void Gemma2::forward_megatron(const Config& megatron, Forward& run) {
  auto extras = extras_of(megatron);
  extras.logit_cap = static_cast<float>(megatron.number("final_logit_softcapping", 0));
  forward::megatron_gpt(megatron, run, extras, [&](std::int64_t layer, forward::MegatronAttention& attention) {
    attention.core.scale = static_cast<float>(1.0 / std::sqrt(megatron.number("query_pre_attn_scalar", 224)));
    attention.core.cap = static_cast<float>(megatron.number("attn_logit_softcapping", 0));
    attention.core.window = layer % 2 == 0 && megatron.has("window_size.0") ? megatron.integer("window_size.0") + 1 : 0;
  });
}

void Gemma3::forward_hugging_face(const Config& c, Forward& run) {
  const auto sizes = sizes_of(c, Generation::third);
  const auto global = global_layers(c, sizes.layers, c.integer("sliding_window_pattern", 6));
  const auto base_at = [&](std::initializer_list<std::string_view> paths, double otherwise) {
    const auto path = first_of(c, paths);
    return path.empty() ? otherwise : c.number(path);
  };
  const auto local_base = base_at({"rope_parameters.sliding_attention.rope_theta", "rope_local_base_freq"}, 1e4);
  const auto global_base = base_at({"rope_parameters.full_attention.rope_theta", "rope_theta"}, 1e6);
  const auto factor = base_at({"rope_parameters.full_attention.factor", "rope_scaling.factor"}, 1);
  forward_decoder(c, run, Generation::third, [&](std::int64_t layer) {
    const bool all = global[static_cast<std::size_t>(layer)];
    OfLayer own{{.heads = sizes.heads, .groups = sizes.groups, .width = sizes.width, .values = sizes.width,
                 .scale = static_cast<float>(1.0 / std::sqrt(c.number("query_pre_attn_scalar", 256))), .window = all ? 0 : c.integer("sliding_window", 4096)},
                {forward::frequencies_of(all ? global_base : local_base, sizes.width)}};
    if (all) own.rotary.frequencies = forward::interpolated(std::move(own.rotary.frequencies), factor);
    return own;
  });
}

// The last layer of every pattern attends to all before it and is told positions by the second base.
void Gemma3::forward_megatron(const Config& megatron, Forward& run) {
  const auto period = period_of(megatron);
  forward::megatron_gpt(megatron, run, extras_of(megatron), [&](std::int64_t layer, forward::MegatronAttention& attention) {
    const bool all = period < 1 || (layer + 1) % period == 0;
    auto frequencies = forward::frequencies_of(megatron.number(all ? "rotary_base.1" : "rotary_base.0"), attention.core.width);
    if (all) frequencies = forward::interpolated(std::move(frequencies), megatron.number("rope_scaling_factor", 1.0));
    attention.rotary = {std::move(frequencies)};
    attention.core.window = all ? 0 : megatron.integer("window_size");
  });
}

}  // namespace gemma
