// What Gemma 4 computes, as transformers writes it.

#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>

#include <array>
#include <cmath>
#include <string>

#include "gemma4.hpp"
#include "gemma4_rotary.hpp"

namespace gemma {
namespace {

struct KeysAndValues {
  forward::Matrix keys, values;
};

class Gemma4Run {
 public:
  Gemma4Run(const Config& c, const Forward& run)
      : c_{c}, run_{run}, d_{decoder_of(c)}, norm_{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))} {}

  void operator()() {
    auto x = run_.embedded("model.embed_tokens.weight");
    forward::scale(x, std::sqrt(static_cast<float>(d_.sizes.hidden)));
    run_.state(-1, x);
    const auto inputs = d_.input_width > 0 ? per_layer_inputs(x) : forward::Matrix{};
    for (std::int64_t i = 0; i < d_.sizes.layers; ++i) {
      const auto layer = "model.layers." + std::to_string(i) + ".";
      forward::add(x, normed(attention(i, layer, normed(x, layer + "input_layernorm.")), layer + "post_attention_layernorm."));
      forward::add(x, normed(feed_forward(layer, x), layer + "post_feedforward_layernorm."));
      if (d_.input_width > 0) add_input(layer, forward::columns(inputs, i * d_.input_width, d_.input_width), x);
      forward::scale(x, run_.values(layer + "layer_scalar").at(0));
      run_.state(i, x);
    }
    auto logits = forward::output(run_, normed(x, "model.norm."), is_tied(c_));
    forward::soft_cap(logits, static_cast<float>(c_.number("final_logit_softcapping", 0)));
    run_.logits(logits);
  }

 private:
  forward::Matrix normed(const forward::Matrix& x, const std::string& module) const { return forward::rms_norm(x, run_.values(module + "weight"), norm_); }

  // A part for each layer: of its own embedding and of the first layer's input.
  forward::Matrix per_layer_inputs(const forward::Matrix& x) const {
    auto inputs = run_.linear("model.per_layer_model_projection.weight", x);
    forward::scale(inputs, 1.0F / std::sqrt(static_cast<float>(d_.sizes.hidden)));
    auto of_layer = norm_;
    of_layer.width = d_.input_width;
    inputs = forward::rms_norm(std::move(inputs), run_.values("model.per_layer_projection_norm.weight"), of_layer);
    auto looked_up = run_.embedded("model.embed_tokens_per_layer.weight");
    forward::scale(looked_up, std::sqrt(static_cast<float>(d_.input_width)));
    forward::add(inputs, looked_up);
    forward::scale(inputs, std::sqrt(0.5F));
    return inputs;
  }

  // Keys and values of a layer; the last layers take those of the last one of their kind.
  const KeysAndValues& keys_and_values(std::int64_t i, const std::string& at, const forward::Matrix& x, const Heads& heads, const forward::Rotary& rotary) {
    auto& kept = kept_[d_.is_global(i) ? 1 : 0];
    if (d_.is_shared(i)) return kept;
    auto head = norm_;
    head.width = heads.width;
    const auto raw = run_.linear(at + "k_proj.weight", x);
    const auto values = d_.key_is_value && d_.is_global(i) ? raw : run_.linear(at + "v_proj.weight", x);
    kept = {forward::rms_norm(raw, run_.values(at + "k_norm.weight"), head), forward::rms_norm(values, {}, head)};
    forward::rotate(kept.keys, heads.width, run_.length(), rotary);
    return kept;
  }

  forward::Matrix attention(std::int64_t i, const std::string& layer, const forward::Matrix& x) {
    const auto at = layer + "self_attn.";
    const auto heads = d_.heads(i);
    const bool global = d_.is_global(i);
    const forward::Rotary rotary{global ? proportional_frequencies(c_.number("rope_parameters.full_attention.rope_theta", 1e6), heads.width,
                                                                   c_.number("rope_parameters.full_attention.partial_rotary_factor",
                                                                             c_.has("rope_parameters") ? 1.0 : 0.25))
                                        : forward::frequencies_of(c_.number("rope_parameters.sliding_attention.rope_theta", 1e4), heads.width)};
    auto head = norm_;
    head.width = heads.width;
    auto q = forward::rms_norm(run_.linear(at + "q_proj.weight", x), run_.values(at + "q_norm.weight"), head);
    forward::rotate(q, heads.width, run_.length(), rotary);
    const auto& [k, v] = keys_and_values(i, at, x, heads, rotary);
    return run_.linear(at + "o_proj.weight", forward::attend(q, k, v, run_.length(),
                                                             {.heads = d_.sizes.heads, .groups = heads.groups, .width = heads.width, .values = heads.width,
                                                              .scale = 1, .window = global ? 0 : c_.integer("sliding_window", 512)}));
  }

  forward::Matrix feed_forward(const std::string& layer, const forward::Matrix& x) const {
    auto dense = forward::separate_gated(run_, layer + "mlp.", normed(x, layer + "pre_feedforward_layernorm."), forward::Activation::gelu_tanh);
    if (d_.experts == 0) return dense;
    auto scored = forward::rms_norm(x, run_.values(layer + "router.scale"), norm_);
    forward::scale(scored, 1.0F / std::sqrt(static_cast<float>(d_.sizes.hidden)));
    const forward::Routing routing{.score = forward::Score::softmax, .chosen = c_.integer("top_k_experts"), .normalised = true,
                                   .expert_scale = run_.values(layer + "router.per_expert_scale")};
    const auto routed = forward::mixture(normed(x, layer + "pre_feedforward_layernorm_2."), run_.linear(layer + "router.proj.weight", scored), routing,
                                         [&](std::int64_t e, const forward::Matrix& own) {
                                           return forward::packed_gated(run_, layer + "experts.", e, d_.expert_ffn, own, forward::Activation::gelu_tanh);
                                         });
    dense = normed(dense, layer + "post_feedforward_layernorm_1.");
    forward::add(dense, normed(routed, layer + "post_feedforward_layernorm_2."));
    return dense;
  }

  void add_input(const std::string& layer, const forward::Matrix& input, forward::Matrix& x) const {
    auto gate = forward::activated(run_.linear(layer + "per_layer_input_gate.weight", x), forward::Activation::gelu_tanh);
    forward::multiply(gate, input);
    forward::add(x, normed(run_.linear(layer + "per_layer_projection.weight", gate), layer + "post_per_layer_input_norm."));
  }

  const Config& c_;
  const Forward& run_;
  Decoder d_;
  forward::Norm norm_;
  std::array<KeysAndValues, 2> kept_;  // of layers with a window, of global ones
};

}  // namespace

void Gemma4::forward_hugging_face(const Config& c, Forward& run) { Gemma4Run{c, run}(); }

}  // namespace gemma
