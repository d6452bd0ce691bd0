// GPT-OSS.
//
//   x + attention(norm(x)): biases everywhere, a learnt sink in each head's softmax, a sliding window in every other layer.
//   x + experts(norm(x)):   over the experts that the router scores highest, the sum of
//                           score * down((up + 1) * gate * sigmoid(1.702 gate)), gate and up clamped.

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/translation.hpp>

#include <string>
#include <vector>

#include "forward.hpp"

namespace {

using namespace weighbridge;

struct Geometry {
  explicit Geometry(const Config& c)
      : hidden{c.integer("hidden_size")}, heads{c.integer("num_attention_heads")}, groups{c.integer("num_key_value_heads", 8)},
        width{c.integer("head_dim", 64)}, experts{c.integer("num_local_experts", c.integer("num_experts", 128))},
        ffn{c.integer("intermediate_size")} {}
  std::int64_t hidden, heads, groups, width, experts, ffn;
};

// ---- Equations ------------------------------------------------------------------------------------------------------

void attention_equations(const Geometry& g, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
  const GroupedAttention attention{g.hidden, g.heads, g.groups, g.width};
  grouped_attention(decoder, hf, attention);
  all_attention_biases(decoder, hf, attention);
  decoder["self_attention.core_attention.softmax_offset"] = column(hf("self_attn.sinks", {g.heads}));
}

// A projection of all experts, each as Megatron has it: [out, in]. The name says how it is stored, never the shape, since
// `in` and `out` are equal in the published models: plain tensors are [in, out], MXFP4 blocks of 32 inputs are [out, in].
Tensor projection(const Model& model, const HuggingFaceLayer& hf, std::string_view name, std::int64_t experts, std::int64_t out, std::int64_t in) {
  const auto plain = std::string{name}, blocks = plain + "_blocks", scales = plain + "_scales";
  if (!hf.source(blocks)) return transpose(hf(plain, {experts, in, out}), {0, 2, 1});
  if (in % 32 != 0) throw Failure(hf.name(blocks) + " cannot hold " + std::to_string(in) + " inputs in blocks of 32");
  return decode("mxfp4", model.raw(hf.name(blocks), {experts, out, in / 32, 16}), model.raw(hf.name(scales), {experts, out, in / 32}),
                1, 32, {experts, out, in});
}

void expert_equations(const Geometry& g, const Model& model, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
  decoder["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {g.hidden}));
  decoder["mlp.router.weight"] = replicated(hf("mlp.router.weight", {g.experts, g.hidden}));
  decoder["mlp.router.bias"] = replicated(hf("mlp.router.bias", {g.experts}));

  // Rows of gate and up alternate: row 2f is gate's row f, row 2f + 1 is up's.
  const auto gate_up = reshape(projection(model, hf, "mlp.experts.gate_up_proj", g.experts, 2 * g.ffn, g.hidden), {g.experts, g.ffn, 2, g.hidden});
  const auto gate_up_bias = reshape(hf("mlp.experts.gate_up_proj_bias", {g.experts, 2 * g.ffn}), {g.experts, g.ffn, 2});
  const auto down = projection(model, hf, "mlp.experts.down_proj", g.experts, g.hidden, g.ffn);
  const auto down_bias = hf("mlp.experts.down_proj_bias", {g.experts, g.hidden});
  const auto of = [](const Tensor& all, std::int64_t e) { return slice(all, 0, e, e + 1); };
  const auto gate_above_up = [&](const Tensor& all, std::int64_t e, const Dimensions& half) {
    return concat(reshape(slice(of(all, e), 2, 0, 1), half), reshape(slice(of(all, e), 2, 1, 2), half));
  };
  grouped_experts(decoder, g.experts,
      [&](std::int64_t e) { return gate_above_up(gate_up, e, {g.ffn, g.hidden}); },
      [&](std::int64_t e) { return reshape(of(down, e), {g.hidden, g.ffn}); });
  for (std::int64_t e = 0; e < g.experts; ++e) {
    decoder["mlp.experts.linear_fc1.bias"].of_expert(e, g.experts) = column(gate_above_up(gate_up_bias, e, {g.ffn}));
    decoder["mlp.experts.linear_fc2.bias"].of_expert(e, g.experts) = replicated(reshape(of(down_bias, e), {g.hidden}));
  }
}

// ---- Configuration --------------------------------------------------------------------------------------------------

// Whether the attention of a layer, counted from nought, slides; alternating from the first one where nothing is said.
bool slides(const Config& c, std::int64_t layer) {
  if (!c.has("layer_types")) return layer % 2 == 0;
  const auto at = Config::at("layer_types", layer);
  const auto type = c.string(at, "");
  if (type != "sliding_attention" && type != "full_attention")
    throw Failure(at + " is \"" + type + "\"; GPT-OSS has sliding_attention and full_attention");
  return type == "sliding_attention";
}

// The same of a Megatron document: every n-th layer does not, counted from one, or a list says 1 where it does.
bool slides_in_megatron(const Config& megatron, std::int64_t layer) {
  if (!megatron.has("window_size")) return false;
  if (const auto entry = Config::at("window_attn_skip_freq", layer); megatron.has(entry)) return megatron.integer(entry) != 0;
  const auto skipped = megatron.integer("window_attn_skip_freq", 0);
  return skipped == 0 || (layer + 1) % skipped != 0;
}

// A query sees itself and sliding_window - 1 keys before it.
void window_to_megatron(const Config& hf, const Config& megatron) {
  const auto layers = hf.integer("num_hidden_layers");
  if (const auto types = hf.find_count("layer_types"); types && *types != layers)
    throw Failure("layer_types names " + std::to_string(*types) + " layers, num_hidden_layers " + std::to_string(layers));
  std::int64_t sliding = 0, alternating = 0;
  for (std::int64_t i = 0; i < layers; ++i) {
    sliding += slides(hf, i);
    alternating += slides(hf, i) == (i % 2 == 0);
  }
  if (sliding == 0) return;
  window_size_to_megatron(hf.integer("sliding_window", 128), megatron);
  if (alternating == layers) {
    megatron.set("window_attn_skip_freq", 2);
  } else if (sliding < layers) {
    megatron.set_list("window_attn_skip_freq");
    for (std::int64_t i = 0; i < layers; ++i) megatron.set(Config::at("window_attn_skip_freq", i), std::int64_t{slides(hf, i)});
  }
}

void window_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("sliding_window", megatron.integer("window_size.0", 127) + 1);
  hf.set_list("layer_types");
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    hf.set(Config::at("layer_types", i), slides_in_megatron(megatron, i) ? "sliding_attention" : "full_attention");
}

// YaRN with the published numbers where a config.json says nothing.
void rope_to_megatron(const Config& hf, const Config& megatron) {
  const auto rope = rope_of(hf, 150000.0);
  megatron.set("rotary_base", rope.theta);
  if (rope.at.empty()) {
    megatron.set("position_embedding_type", "yarn");
    megatron.set("yarn_rotary_scaling_factor", 32.0);
    megatron.set("yarn_original_max_position_embeddings", 4096);
    megatron.set("yarn_beta_fast", 32.0);
    megatron.set("yarn_beta_slow", 1.0);
    megatron.set("yarn_correction_range_round_to_int", false);
  } else if (rope.type == "yarn") {
    yarn_to_megatron(hf, rope.at, megatron);
    megatron.set("yarn_correction_range_round_to_int", hf.flag(rope.at + ".truncate", true));
  } else if (rope.type != "default") {
    throw Failure(rope.at + " is of type " + rope.type + "; GPT-OSS has yarn and default");
  }
}

void rope_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("rope_theta", megatron.number("rotary_base", 150000.0));
  if (is_yarn(megatron)) {
    yarn_to_hugging_face(megatron, hf);
    hf.set("rope_scaling.truncate", megatron.flag("yarn_correction_range_round_to_int"));
    hf.set("initial_context_length", megatron.integer("yarn_original_max_position_embeddings"));
  } else {  // without a type it would be YaRN
    hf.set("rope_scaling.rope_type", "default");
  }
}

struct GptOss {
  static constexpr std::string_view id = "gpt_oss";
  static constexpr std::string_view architectures[] = {"GptOssForCausalLM"};
  static constexpr std::string_view model_types[] = {"gpt_oss"};

  static void equations(const Config& c, Model& model) {
    const Geometry g{c};
    const auto rows = c.integer("vocab_size");
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, g.hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      attention_equations(g, decoder, hf);
      expert_equations(g, model, decoder, hf);
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {g.hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, g.hidden);
  }

  static void to_megatron(Config hf, Config megatron, Notes) {
    const Geometry g{hf};
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, g.groups, 131072);
    megatron.set("kv_channels", g.width);
    megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", 1e-5));
    dtype_to_megatron(hf, megatron);
    if (!hf.has("torch_dtype") && !hf.has("dtype")) {  // as in the published MXFP4 repositories, whose other tensors are bfloat16
      megatron.set("params_dtype", "bfloat16");
      megatron.set("bf16", true);
    }
    if (!hf.flag("attention_bias", true)) throw Failure("attention_bias is false; the equations of GPT-OSS have biases in its attention");
    megatron.set("add_bias_linear", true);
    megatron.set("add_qkv_bias", false);  // add_bias_linear gives them already
    megatron.set("softmax_type", "learnable");
    megatron.set("activation_func", "quick_gelu");
    megatron.set("activation_func_clamp_value", hf.number("swiglu_limit", 7.0));
    megatron.set("glu_linear_offset", 1.0);
    megatron.set("bias_activation_fusion", true);
    megatron.set("bias_dropout_fusion", false);
    rope_to_megatron(hf, megatron);
    window_to_megatron(hf, megatron);

    megatron.set("num_moe_experts", g.experts);
    megatron.set("moe_ffn_hidden_size", g.ffn);
    megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", hf.integer("experts_per_token", 4)));
    megatron.set("moe_router_pre_softmax", false);
    megatron.set("moe_router_score_function", "softmax");
    megatron.set("moe_router_load_balancing_type", "none");
    megatron.set("moe_aux_loss_coeff", hf.number("router_aux_loss_coef", 0.001));
    megatron.set("moe_grouped_gemm", true);
    megatron.set("moe_token_dispatcher_type", "alltoall");
    megatron.set("moe_permute_fusion", true);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("attention_bias", true);
    hf.set("swiglu_limit", megatron.number("activation_func_clamp_value", 7.0));
    rope_to_hugging_face(megatron, hf);
    window_to_hugging_face(megatron, hf);

    const auto chosen = megatron.integer("moe_router_topk", 2);
    hf.set("intermediate_size", megatron.integer("moe_ffn_hidden_size", megatron.integer("ffn_hidden_size")));
    hf.set("num_local_experts", megatron.integer("num_moe_experts"));
    hf.set("num_experts_per_tok", chosen);
    hf.set("experts_per_token", chosen);
    hf.set("router_aux_loss_coef", megatron.has("moe_aux_loss_coeff.0") ? 0.001 : megatron.number("moe_aux_loss_coeff", 0.001));
    hf.set("output_router_logits", false);
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    gpt_oss::forward_model(c, run, [&](std::int64_t layer) { return slides(c, layer); });
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }

  static bool recognises(const Config& megatron) {
    const auto provider = megatron.string("_target_", "");  // which Megatron-LM's arguments do not name
    return (provider.empty() || provider == "megatron.bridge.models.gpt_provider.GPTModelProvider") && megatron.has("num_moe_experts") &&
           megatron.string("softmax_type", "") == "learnable" && megatron.string("activation_func", "") == "quick_gelu" &&
           megatron.number("glu_linear_offset", 0.0) == 1.0 && megatron.flag("add_bias_linear") && megatron.flag("gated_linear_unit") &&
           megatron.string("normalization", "") == "RMSNorm" && !megatron.flag("qk_layernorm") && !megatron.flag("multi_latent_attention") &&
           !megatron.has("moe_shared_expert_intermediate_size");
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<GptOss>("gpt_oss", "1.0.0"); }
