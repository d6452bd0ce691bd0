// MiniMax-M2, M2.5 and M2.7.
//
//   x + o(attention(norm(x))),  x + mixture(norm(x)),  RMSNorm. One more RMSNorm reaches over all heads of q, another over all of k; a part of
//   a head turns. Every layer is a mixture of experts, scored by sigmoid and chosen with a bias that is learned apart.

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace weighbridge;

// Where a config.json does not say.
constexpr std::int64_t kGroups = 8, kContext = 196608;
constexpr auto kRope = yarn_alone(5000000.0);
constexpr std::string_view kLayerSpec = "megatron.bridge.models.minimax_m2.minimax_m2_provider.minimax_m2_layer_spec";

GroupedAttention attention_of(const Config& c) {
  const auto heads = attention_heads(c), hidden = c.integer("hidden_size");
  return {hidden, heads, c.integer("num_key_value_heads", kGroups), c.is_null("head_dim") ? hidden / heads : c.integer("head_dim", 128)};
}

std::int64_t experts_of(const Config& c) { return c.integer("num_local_experts", c.integer("num_experts", 256)); }

// Published files count the features of a head that turn; transformers says their share.
double share_of(const Config& c) {
  if (const auto turned = c.find_integer("rotary_dim")) return static_cast<double>(*turned) / static_cast<double>(attention_of(c).width);
  return turned_share(c);
}

void check(const Config& hf) {
  if (const auto scores = hf.string("scoring_func", "sigmoid"); scores != "sigmoid")
    throw Failure("scoring_func is " + scores + "; MiniMax-M2 scores experts by sigmoid");
  for (const auto* wanted : {"use_routing_bias", "use_qk_norm"})
    if (!hf.flag(wanted, true)) throw Failure(std::string{wanted} + " is false; Megatron-Bridge's MiniMax-M2 always has it");
  if (const auto norms = hf.string("qk_norm_type", "per_layer"); norms != "per_layer")
    throw Failure("qk_norm_type is " + norms + "; MiniMax-M2's equations have norms over all heads of a layer, per_layer");
  if (const auto shared = hf.integer("shared_intermediate_size", 0); shared != 0)
    throw Failure("shared_intermediate_size is " + std::to_string(shared) + "; MiniMax-M2's equations have no shared experts");
  for (std::int64_t i = 0; i < hf.find_count("attn_type_list").value_or(0); ++i)
    if (const auto kind = hf.integer(Config::at("attn_type_list", i)); kind != 1)
      throw Failure(Config::at("attn_type_list", i) + " is " + std::to_string(kind) + "; 1, attention to everything, is what MiniMax-M2's equations have");
}

struct MiniMax {
  static constexpr std::string_view id = "minimax_m2";
  static constexpr std::string_view architectures[] = {"MiniMaxM2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"minimax_m2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    check(hf);
    megatron.set("transformer_layer_spec._call_", false);
    megatron.set("transformer_layer_spec._target_", kLayerSpec);
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, kGroups, kContext);
    megatron.set("kv_channels", attention_of(hf).width);
    dtype_to_megatron(hf, megatron);
    megatron.set("autocast_dtype", "bfloat16");  // whatever the weights are
    rope_of_a_part_to_megatron(hf, megatron, notes, kRope, share_of(hf));
    megatron.set("add_qkv_bias", false);
    megatron.set("qk_layernorm", true);

    megatron.set("num_moe_experts", experts_of(hf));
    megatron.set("moe_ffn_hidden_size", hf.integer("intermediate_size"));
    megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", 8));
    megatron.set("moe_aux_loss_coeff", hf.number("router_aux_loss_coef", 0.001));
    megatron.set("moe_router_score_function", "sigmoid");
    megatron.set("moe_router_load_balancing_type", "aux_loss");
    megatron.set("moe_router_pre_softmax", false);
    megatron.set("moe_token_dispatcher_type", "alltoall");
    for (const auto* flag : {"moe_router_enable_expert_bias", "moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(flag, true);
    megatron.set("moe_layer_freq", 1);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, kRope);
    const auto share = megatron.number("rotary_percent", 1.0), width = hf.number("head_dim");
    hf.set("rotary_dim", static_cast<std::int64_t>(std::lround(share * width)));
    hf.set("partial_rotary_factor", share);  // transformers does not read rotary_dim
    hf.set("num_local_experts", megatron.integer("num_moe_experts"));
    hf.set("num_experts_per_tok", megatron.integer("moe_router_topk", 2));
    hf.set("router_aux_loss_coef", megatron.number("moe_aux_loss_coeff", 0.0));
    hf.set("scoring_func", "sigmoid");
    hf.set("use_routing_bias", true);
    hf.set("use_qk_norm", true);
    hf.set("qk_norm_type", "per_layer");
    hf.set("shared_intermediate_size", 0);
    hf.set("output_router_logits", false);
    hf.set_list("attn_type_list");
    for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i) hf.set(Config::at("attn_type_list", i), 1);
  }

  // Megatron-LM's arguments do not name the layers: there it is sigmoid scores with a bias, loads that are balanced by a loss, and norms of heads.
  static bool recognises(const Config& megatron) {
    const auto layers = megatron.string("transformer_layer_spec._target_", "");
    if (!layers.empty()) return layers == kLayerSpec;
    for (const auto* other : {"window_size", "no_rope_freq", "mrope_section", "hybrid_attention_pattern", "experimental_attention_variant",
                              "moe_shared_expert_intermediate_size"})
      if (megatron.has(other)) return false;
    return names_no_builder(megatron) && megatron.has("num_moe_experts") && megatron.string("moe_router_score_function", "softmax") == "sigmoid" &&
           megatron.flag("moe_router_enable_expert_bias") && !megatron.flag("moe_router_pre_softmax") && megatron.flag("qk_layernorm") &&
           megatron.string("moe_router_load_balancing_type", "aux_loss") == "aux_loss" && !megatron.flag("multi_latent_attention") &&
           !megatron.flag("is_hybrid_model") && !megatron.flag("add_bias_linear") && !megatron.flag("add_qkv_bias") &&
           !megatron.flag("rotary_interleaved") && megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") &&
           megatron.integer("mtp_num_layers", 0) == 0;
  }

  static void equations(const Config& c, Model& model) {
    const auto a = attention_of(c);
    const auto rows = c.integer("vocab_size"), experts = experts_of(c), width = c.integer("intermediate_size");
    const auto layers = c.integer("num_hidden_layers");
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, a.hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", layers)) {
      grouped_attention(decoder, hf, a);
      norms_of_all_heads(decoder, hf, a);
      decoder["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {a.hidden}));
      decoder["mlp.router.weight"] = router(hf("block_sparse_moe.gate.weight", {experts, a.hidden}));
      decoder["mlp.router.expert_bias"] = expert_bias(hf("block_sparse_moe.e_score_correction_bias", {experts}));
      const auto of = [&layer = hf](std::int64_t e, const char* projection, const Dimensions& shape) {
        return layer("block_sparse_moe.experts." + std::to_string(e) + projection, shape);
      };
      grouped_experts(decoder, experts,
          [&](std::int64_t e) { return concat(of(e, ".w1.weight", {width, a.hidden}), of(e, ".w3.weight", {width, a.hidden})); },
          [&](std::int64_t e) { return of(e, ".w2.weight", {a.hidden, width}); });
    }
    for (std::int64_t k = 0; k < c.integer("num_mtp_modules", 0); ++k)
      model.carried("model.layers." + std::to_string(layers + k) + ".*", "Megatron-Bridge's MiniMax-M2 predicts no further tokens");
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {a.hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, a.hidden);
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto a = attention_of(c);
    const auto core = forward::grouped_queries(a.heads, a.groups, a.width);
    const auto rotary = forward::stated_rotary(c, kRope.theta, static_cast<std::int64_t>(static_cast<double>(a.width) * share_of(c)));
    const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", 1e-6))};
    forward::pre_norm_decoder(
        c, run, [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_attention(run, at, x, core, rotary, norm); },
        [&](std::int64_t layer, const std::string&, const forward::Matrix& x) {
          const auto at = "model.layers." + std::to_string(layer) + ".block_sparse_moe.";
          const forward::Routing routing{.score = forward::Score::sigmoid, .chosen = c.integer("num_experts_per_tok", 8), .normalised = true,
                                         .bias = run.values(at + "e_score_correction_bias")};
          return forward::mixture(x, run.linear(at + "gate.weight", x), routing, [&](std::int64_t e, const forward::Matrix& own) {
            const auto expert = at + "experts." + std::to_string(e) + ".";
            return run.linear(expert + "w2.weight", forward::gated(run.linear(expert + "w1.weight", own), run.linear(expert + "w3.weight", own), {}));
          });
        });
  }

  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt_of_parts(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<MiniMax>("minimax", "1.0.0"); }
