// What Megatron-Bridge's two models for Gemma 4 compute.

#include <weighbridge/forward/megatron_gpt.hpp>

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

class MegatronGemma4 {
 public:
  MegatronGemma4(const Config& c, const Forward& run)
      : c_{c}, run_{run}, experts_{c.has("num_moe_experts")}, layers_{c.integer("num_layers")}, hidden_{c.integer("hidden_size")} {}

  void operator()() {
    auto x = run_.embedded("embedding.word_embeddings.weight");
    forward::scale(x, std::sqrt(static_cast<float>(hidden_)));
    run_.state(-1, x);
    const auto width = experts_ ? 0 : c_.integer("per_layer_embed_dim", 0);
    const auto inputs = width > 0 ? per_layer_inputs(x, width) : forward::Matrix{};
    for (std::int64_t i = 0; i < layers_; ++i) {
      const auto layer = "decoder.layers." + std::to_string(i) + ".";
      auto attended = attention(i, layer, x);
      forward::add(x, normed(normed(attended, layer + "self_attention.linear_proj.post_layernorm."), layer + "post_self_attn_layernorm."));
      forward::add(x, experts_ ? mixture(layer, x) : dense(layer, x));
      if (width > 0) add_input(layer, forward::columns(inputs, i * width, width), x);
      forward::scale(x, run_.values(layer + "layer_scalar").at(0));
      run_.state(i, x);
    }
    auto logits = run_.linear(c_.flag("share_embeddings_and_output_weights", true) ? "embedding.word_embeddings.weight" : "output_layer.weight",
                              normed(x, "decoder.final_layernorm."));
    forward::soft_cap(logits, static_cast<float>(c_.number("final_logit_softcapping", 0)));
    run_.logits(logits);
  }

 private:
  forward::Matrix normed(const forward::Matrix& x, const std::string& module) const { return forward::megatron_norm(c_, run_, module, x); }
  bool is_global(std::int64_t i) const { return experts_ ? (i + 1) % period_of(c_) == 0 : !c_.has("window_size.0") || !forward::has_window(c_, i); }
  bool is_shared(std::int64_t i) const { return !experts_ && i >= layers_ - c_.integer("num_kv_shared_layers", 0); }

  forward::Matrix per_layer_inputs(const forward::Matrix& x, std::int64_t width) const {
    auto inputs = run_.linear("per_layer_model_proj.weight", x);
    forward::scale(inputs, 1.0F / std::sqrt(static_cast<float>(hidden_)));
    inputs = forward::megatron_norm(c_, run_, "per_layer_proj_norm.", inputs, width);
    auto looked_up = run_.embedded("per_layer_embedding.weight");
    forward::scale(looked_up, std::sqrt(static_cast<float>(width)));
    forward::add(inputs, looked_up);
    forward::scale(inputs, std::sqrt(0.5F));
    return inputs;
  }

  // Widths, groups, window and positions of a layer.
  forward::MegatronAttention attention_of(bool global) const {
    forward::MegatronAttention a;
    const auto own_width = forward::megatron_width(c_), own_groups = forward::positive(c_, "num_query_groups", 1);
    const auto width = global ? c_.integer(experts_ ? "global_head_dim" : "global_kv_channels", own_width) : own_width;
    const auto groups = global ? c_.integer(experts_ ? "num_global_key_value_heads" : "num_global_query_groups", own_groups) : own_groups;
    a.core = {.heads = forward::megatron_heads(c_), .groups = groups, .width = width, .values = width, .scale = static_cast<float>(c_.number("softmax_scale", 1.0))};
    if (!global) a.core.window = experts_ ? c_.integer("window_size") : c_.integer("window_size.0") + 1;
    const auto base = c_.number(experts_ ? (global ? "rotary_base.1" : "rotary_base.0") : (global ? "full_attention_rope_base" : "sliding_window_rope_base"));
    const auto share = c_.number(experts_ ? "global_rotary_percent" : "full_attention_rope_partial_factor", 0.25);
    a.rotary = {global ? proportional_frequencies(base, width, share) : forward::frequencies_of(base, width)};
    return a;
  }

  forward::Matrix attention(std::int64_t i, const std::string& layer, const forward::Matrix& x) {
    const auto at = layer + "self_attention.";
    const bool global = is_global(i);
    const auto a = attention_of(global);
    const auto mixed = run_.module(at + "linear_qkv.", forward::norm_before(c_, run_, at + "linear_qkv.", layer + "input_layernorm.", x));
    auto [q, gate, k, v] = forward::detail::unfused(mixed, a);
    q = forward::detail::head_norm(c_, run_, at + "q_layernorm.", std::move(q));
    forward::rotate(q, a.core.width, run_.length(), a.rotary);
    auto& kept = kept_[global ? 1 : 0];
    if (!is_shared(i)) {
      const auto values = c_.flag("attention_k_eq_v") && global ? k : v;
      kept = {forward::detail::head_norm(c_, run_, at + "k_layernorm.", std::move(k)),
              forward::rms_norm(values, {}, {.epsilon = static_cast<float>(c_.number("layernorm_epsilon", 1e-6)), .width = a.core.width})};
      forward::rotate(kept.keys, a.core.width, run_.length(), a.rotary);
    }
    return run_.module(at + "linear_proj.", forward::attend(q, kept.keys, kept.values, run_.length(), a.core));
  }

  forward::Matrix dense(const std::string& layer, const forward::Matrix& x) const {
    return normed(forward::megatron_mlp(c_, run_, layer + "mlp.", normed(x, layer + "pre_mlp_layernorm.")), layer + "post_mlp_layernorm.");
  }

  // The router, the dense part and the experts each norm what comes in by themselves.
  forward::Matrix mixture(const std::string& layer, const forward::Matrix& x) const {
    const auto at = layer + "mlp.";
    auto scored = forward::rms_norm(x, run_.values(at + "router.scale"), {.epsilon = static_cast<float>(c_.number("layernorm_epsilon", 1e-6))});
    forward::scale(scored, 1.0F / std::sqrt(static_cast<float>(hidden_)));
    auto routing = forward::megatron_routing(c_, {});
    routing.normalised = true;
    routing.expert_scale = run_.values(at + "router.per_expert_scale");
    const auto routed = forward::mixture(normed(x, layer + "pre_mlp_layernorm."), run_.linear(at + "router.weight", scored), routing,
                                         [&](std::int64_t e, const forward::Matrix& own) {
                                           return forward::megatron_mlp(c_, run_, at + "experts.", own, std::to_string(e));
                                         });
    const auto shared = forward::megatron_mlp(c_, run_, at + "shared_experts.", normed(x, layer + "pre_shared_expert_layernorm."));
    auto y = normed(routed, at + "post_moe_layernorm.");
    forward::add(y, normed(shared, at + "post_shared_expert_layernorm."));
    return normed(y, layer + "post_ffn_layernorm.");
  }

  void add_input(const std::string& layer, const forward::Matrix& input, forward::Matrix& x) const {
    auto gate = forward::activated(run_.linear(layer + "per_layer_input_gate.weight", x), forward::Activation::gelu_tanh);
    forward::multiply(gate, input);
    forward::add(x, normed(run_.linear(layer + "per_layer_projection.weight", gate), layer + "post_per_layer_input_norm."));
  }

  const Config& c_;
  const Forward& run_;
  bool experts_{};
  std::int64_t layers_{}, hidden_{};
  std::array<KeysAndValues, 2> kept_;  // of layers with a window, of global ones
};

}  // namespace

void Gemma4::forward_megatron(const Config& megatron, Forward& run) { MegatronGemma4{megatron, run}(); }

}  // namespace gemma
