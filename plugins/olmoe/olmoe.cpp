// OLMoE.
//
//   x + o(attention(norm(x))),  x + mixture(norm(x)),  RMSNorm. One more RMSNorm reaches over all heads of q, another over all of k. Every layer is
//   a mixture of experts, scored by softmax.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace weighbridge;

// Where a config.json does not say.
constexpr std::int64_t kContext = 4096, kExperts = 64, kChosen = 8;
constexpr auto kRope = yarn_alone(10000.0);
constexpr double kEpsilon = 1e-5;
constexpr std::string_view kLayerSpec = "megatron.bridge.models.olmoe.olmoe_provider.olmoe_layer_spec";

GroupedAttention attention_of(const Config& c) {
  const auto heads = attention_heads(c);
  return {c.integer("hidden_size"), heads, c.integer("num_key_value_heads", heads), head_width(c)};
}

std::int64_t experts_of(const Config& c) { return c.integer("num_experts", c.integer("num_local_experts", kExperts)); }

void check(const Config& hf) {
  const auto a = attention_of(hf);
  if (a.groups != a.heads)
    throw Failure("num_key_value_heads is " + std::to_string(a.groups) + " and num_attention_heads " + std::to_string(a.heads) +
                  "; Megatron-Bridge's OLMoE has a norm over all keys that is as wide as the one over all queries");
  if (hf.flag("attention_bias")) throw Failure("attention_bias is true; OLMoE's equations have no biases");
  if (const auto clip = hf.find_number("clip_qkv"))
    throw Failure("clip_qkv is " + std::to_string(*clip) + "; Megatron-Core does not limit queries, keys and values");
  if (const auto scores = hf.string("scoring_func", "softmax"); scores != "softmax")
    throw Failure("scoring_func is " + scores + "; OLMoE scores experts by softmax");
}

struct Olmoe {
  static constexpr std::string_view id = "olmoe";
  static constexpr std::string_view architectures[] = {"OlmoeForCausalLM"};
  static constexpr std::string_view model_types[] = {"olmoe"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    check(hf);
    megatron.set("transformer_layer_spec._call_", false);
    megatron.set("transformer_layer_spec._target_", kLayerSpec);
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, 0, kContext);
    megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
    dtype_to_megatron(hf, megatron);
    megatron.set("autocast_dtype", "bfloat16");  // whatever the weights are
    rope_of_a_part_to_megatron(hf, megatron, notes, kRope, turned_share(hf));
    megatron.set("qk_layernorm", true);
    megatron.set("add_qkv_bias", false);
    megatron.set("persist_layer_norm", true);

    megatron.set("num_moe_experts", experts_of(hf));
    megatron.set("moe_ffn_hidden_size", hf.integer("intermediate_size"));
    megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", kChosen));
    megatron.set("moe_aux_loss_coeff", hf.number("router_aux_loss_coef", 0.01));
    megatron.set("moe_router_score_function", "softmax");
    // A softmax over the chosen experts alone is one over all of them whose chosen scores are made to add up to one.
    megatron.set("moe_router_pre_softmax", !hf.flag("norm_topk_prob"));
    megatron.set("moe_router_load_balancing_type", "seq_aux_loss");
    megatron.set("moe_router_dtype", "fp32");
    megatron.set("moe_token_dispatcher_type", "alltoall");
    for (const auto* flag : {"moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(flag, true);
    megatron.set("moe_layer_freq", 1);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, kRope);
    hf.set("num_experts", megatron.integer("num_moe_experts"));
    hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", 2));
    hf.set("router_aux_loss_coef", megatron.number("moe_aux_loss_coeff", 0.0));
    hf.set("norm_topk_prob", !megatron.flag("moe_router_pre_softmax"));
    hf.set("attention_bias", false);
    hf.set_null("clip_qkv");
    hf.set("output_router_logits", false);
  }

  // Megatron-LM's arguments do not name the layers: there it is what Qwen3-MoE leaves to this family.
  static bool recognises(const Config& megatron) {
    const auto layers = megatron.string("transformer_layer_spec._target_", "");
    if (!layers.empty()) return layers == kLayerSpec;
    for (const auto* other : {"window_size", "no_rope_freq", "mrope_section", "hybrid_attention_pattern", "experimental_attention_variant",
                              "moe_shared_expert_intermediate_size"})
      if (megatron.has(other)) return false;
    return names_no_builder(megatron) && megatron.has("num_moe_experts") && megatron.string("moe_router_score_function", "softmax") == "softmax" &&
           megatron.flag("moe_router_pre_softmax") && !megatron.flag("moe_router_enable_expert_bias") && megatron.flag("qk_layernorm") &&
           megatron.string("moe_router_load_balancing_type", "aux_loss") == "seq_aux_loss" && !megatron.flag("multi_latent_attention") &&
           !megatron.flag("is_hybrid_model") && !megatron.flag("add_bias_linear") && !megatron.flag("add_qkv_bias") &&
           megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") && megatron.integer("mtp_num_layers", 0) == 0;
  }

  static void equations(const Config& c, Model& model) {
    const auto a = attention_of(c);
    const auto rows = c.integer("vocab_size"), experts = experts_of(c);
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, a.hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      grouped_attention(decoder, hf, a);
      decoder["self_attention.q_layernorm.weight"] = norm(hf("self_attn.q_norm.weight", {a.query()}));
      decoder["self_attention.k_layernorm.weight"] = norm(hf("self_attn.k_norm.weight", {a.key()}));
      expert_mixture(decoder, hf, {a.hidden, experts, c.integer("intermediate_size")}, router(hf("mlp.gate.weight", {experts, a.hidden})), std::nullopt);
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {a.hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, a.hidden);
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto a = attention_of(c);
    const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
    const auto rotary = forward::stated_rotary(c, kRope.theta, a.width);
    const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
    const forward::Routing routing{.score = forward::Score::softmax, .chosen = c.integer("num_experts_per_tok", kChosen),
                                   .normalised = c.flag("norm_topk_prob")};
    forward::pre_norm_decoder(
        c, run, [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_attention(run, at, x, core, rotary, norm); },
        [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_mixture(run, at, x, routing); }, kEpsilon);
  }

  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Olmoe>("olmoe", "1.0.0"); }
