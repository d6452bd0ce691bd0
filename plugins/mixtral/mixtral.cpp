// Mixtral.
//
//   Mistral's attention; the feed-forward of every layer is a mixture of experts, which a softmax over the chosen ones weighs:
//   sum of weight_e * w2_e(silu(w1_e(x)) * w3_e(x)).

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/rope_translation.hpp>

#include <string>

namespace {

using namespace weighbridge;

constexpr std::int64_t kGroups = 8, kContext = 131072, kExperts = 8, kChosen = 2;  // where a config.json does not say
constexpr double kEpsilon = 1e-5, kBalance = 0.001;
constexpr auto kRope = every_scaling(1e6, "llama3");

std::int64_t groups_of(const Config& c) { return c.is_null("num_key_value_heads") ? attention_heads(c) : c.integer("num_key_value_heads", kGroups); }
std::int64_t experts_of(const Config& c) { return c.integer("num_local_experts", c.integer("num_experts", kExperts)); }

struct Mixtral {
  static constexpr std::string_view id = "mixtral";
  static constexpr std::string_view architectures[] = {"MixtralForCausalLM"};
  static constexpr std::string_view model_types[] = {"mixtral"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
    attention_to_megatron(hf, megatron, kGroups, kContext);
    megatron.set("num_query_groups", groups_of(hf));
    dtype_to_megatron(hf, megatron);
    megatron.set("add_qkv_bias", false);
    megatron.set("qk_layernorm", false);
    rope_to_megatron(hf, megatron, notes, kRope);
    if (const auto window = hf.find_integer("sliding_window")) window_size_to_megatron(*window, megatron);
    megatron.set("num_moe_experts", experts_of(hf));
    megatron.set("moe_ffn_hidden_size", hf.integer("intermediate_size"));
    megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", kChosen));
    megatron.set("moe_layer_freq", 1);
    // A softmax over all experts, whose chosen scores are made to add up to one, is one over the chosen experts.
    megatron.set("moe_router_score_function", "softmax");
    megatron.set("moe_router_pre_softmax", false);
    megatron.set("moe_router_load_balancing_type", "aux_loss");
    megatron.set("moe_aux_loss_coeff", hf.number("router_aux_loss_coef", kBalance));
    if (const auto noise = hf.number("router_jitter_noise", 0.0); noise != 0.0) megatron.set("moe_input_jitter_eps", noise);
    megatron.set("moe_grouped_gemm", true);
    megatron.set("moe_token_dispatcher_type", "alltoall");
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, kRope);
    sliding_window_to_hugging_face(megatron, hf);
    hf.set("intermediate_size", megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size")));
    hf.set("num_local_experts", megatron.integer("num_moe_experts"));
    hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", kChosen));
    hf.set("router_aux_loss_coef", balance_of_megatron(megatron, kBalance));
    hf.set("router_jitter_noise", megatron.number("moe_input_jitter_eps", 0.0));
    hf.set("output_router_logits", false);
  }

  // Experts and nothing else beside Mistral's block: no norms of heads, no shared expert, no bias, no multipliers.
  static bool recognises(const Config& megatron) {
    const auto layers = megatron.string("transformer_layer_spec._target_", "");
    for (const auto* other : {"moe_shared_expert_intermediate_size", "mrope_section", "no_rope_freq", "window_attn_skip_freq", "softmax_scale",
                              "experimental_attention_variant", "hybrid_layer_pattern", "moe_layer_freq.0", "activation_func_clamp_value"})
      if (megatron.has(other)) return false;
    for (const auto* other : {"qk_layernorm", "add_qkv_bias", "add_bias_linear", "multi_latent_attention", "attention_output_gate", "use_mup",
                              "moe_router_enable_expert_bias", "moe_router_pre_softmax", "layernorm_zero_centered_gamma", "is_hybrid_model",
                              "heterogeneous_block_specs"})
      if (megatron.flag(other)) return false;
    return (names_no_builder(megatron) || is_built_by(megatron, "GPTModelProvider")) &&
           (layers.empty() || layers.starts_with("megatron.bridge.models.gpt_provider.") || layers.starts_with("megatron.core.models.gpt.")) &&
           megatron.has("num_moe_experts") && megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") &&
           megatron.string("activation_func", "silu") == "silu" && megatron.string("moe_router_score_function", "softmax") == "softmax" &&
           megatron.string("softmax_type", "vanilla") == "vanilla" && megatron.number("rotary_percent", 1.0) == 1.0 &&
           megatron.integer("mtp_num_layers", 0) == 0 && megatron.integer("moe_layer_freq", 1) == 1;
  }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), inner = c.integer("intermediate_size"), rows = c.integer("vocab_size");
    const auto experts = experts_of(c);
    const GroupedAttention attention{hidden, attention_heads(c), groups_of(c), head_width(c)};

    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      grouped_attention(decoder, hf, attention);
      decoder["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));
      if (hf.source("mlp.experts.gate_up_proj")) {  // as transformers holds them in memory
        decoder["mlp.router.weight"] = replicated(hf("mlp.gate.weight", {experts, hidden}));
        packed_experts(decoder, hf, "mlp.experts.", experts, inner, hidden);
        continue;
      }
      decoder["mlp.router.weight"] = replicated(hf("block_sparse_moe.gate.weight", {experts, hidden}));
      const auto of = [&, &tensors = hf](std::int64_t e, std::string_view matrix, const Dimensions& shape) {
        return tensors("block_sparse_moe.experts." + std::to_string(e) + "." + std::string{matrix} + ".weight", shape);
      };
      grouped_experts(decoder, experts,
          [&](std::int64_t e) { return concat(of(e, "w1", {inner, hidden}), of(e, "w3", {inner, hidden})); },
          [&](std::int64_t e) { return of(e, "w2", {hidden, inner}); });
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto width = head_width(c);
    const auto attention = forward::grouped_queries(attention_heads(c), groups_of(c), width, c.integer("sliding_window", 0));
    const auto rotary = forward::stated_rotary(c, kRope.theta, width, kRope.slowed);
    const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
    const forward::Routing routing{.score = forward::Score::softmax, .chosen = c.integer("num_experts_per_tok", kChosen), .normalised = true};
    auto x = run.embedded("model.embed_tokens.weight");
    run.state(-1, x);
    for (std::int64_t i = 0; i < c.integer("num_hidden_layers"); ++i) {
      const auto layer = "model.layers." + std::to_string(i) + ".";
      const auto normed = [&](const char* name) { return forward::rms_norm(x, run.values(layer + name), norm); };
      forward::add(x, forward::separate_attention(run, layer + "self_attn.", normed("input_layernorm.weight"), attention, rotary));
      const bool packed = run.has(layer + "mlp.experts.gate_up_proj");
      const auto at = layer + (packed ? "mlp." : "block_sparse_moe.");
      const auto inner = normed("post_attention_layernorm.weight");
      forward::add(x, forward::mixture(inner, run.linear(at + "gate.weight", inner), routing, [&](std::int64_t e, const forward::Matrix& own) {
        if (packed) return forward::packed_gated(run, at + "experts.", e, c.integer("intermediate_size"), own);
        const auto expert = at + "experts." + std::to_string(e) + ".";
        return run.module(expert + "w2.", forward::gated(run.module(expert + "w1.", own), run.module(expert + "w3.", own), {}));
      }));
      run.state(i, x);
    }
    run.logits(forward::output(run, forward::rms_norm(x, run.values("model.norm.weight"), norm), c.flag("tie_word_embeddings")));
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Mixtral>("mixtral", "1.0.0"); }
