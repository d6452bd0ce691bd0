// Nemotron-H, Nemotron Nano v2, Nemotron-3 Nano, Super and Ultra.
//
//   x + mixer(norm(x)) in every layer; a letter of the pattern says what the mixer is:
//
//     M   Mamba-2
//     *   attention with grouped queries, without positions
//     -   down(relu(up(x))²)
//     E   routed experts of that shape, behind a projection to a latent space where the model has one, and a shared one
//
// Prediction layers (MTP) join the normed next embedding and the normed state and go through layers of the same kinds.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_hybrid.hpp>
#include <weighbridge/mamba.hpp>
#include <weighbridge/translation.hpp>

#include <utility>

#include "forward.hpp"
#include "pattern.hpp"

namespace {

using namespace weighbridge;
using nemotron_h::kPrediction;
using nemotron_h::Pattern;

// Fields that the config class takes from older files under the names of other Mamba models, which win.
std::int64_t state_groups(const Config& c) { return c.integer("mamba_n_groups", c.integer("n_groups", 8)); }
std::int64_t chunk_size(const Config& c) { return c.integer("mamba_chunk_size", c.integer("chunk_size", 128)); }
std::int64_t kernel(const Config& c) { return c.integer("mamba_d_conv", c.integer("conv_kernel", 4)); }

std::int64_t positive(const Config& c, const char* field, std::int64_t otherwise) {
  const auto found = c.integer(field, otherwise);
  if (found < 1) throw Failure(std::string{field} + " is " + std::to_string(found) + "; it should be 1 or more");
  return found;
}

struct Sizes {
  explicit Sizes(const Config& c)
      : hidden{c.integer("hidden_size", 4096)}, rows{c.integer("vocab_size", 131072)}, ffn{c.integer("intermediate_size", 21504)},
        heads{c.integer("num_attention_heads", 32)}, groups{c.integer("num_key_value_heads", c.is_null("num_key_value_heads") ? heads : 8)},
        width{c.integer("head_dim", c.integer("attention_head_dim", 128))}, experts{c.integer("n_routed_experts", 8)},
        expert{c.integer("moe_intermediate_size", 7688)}, shared{c.integer("moe_shared_expert_intermediate_size", 7688)},
        latent{c.integer("moe_latent_size", 0)},
        mamba{hidden, positive(c, "mamba_num_heads", 128), positive(c, "mamba_head_dim", 64), state_groups(c),
              positive(c, "ssm_state_size", 128), kernel(c)} {}

  std::int64_t hidden, rows, ffn;
  std::int64_t heads, groups, width;
  std::int64_t experts, expert, shared, latent;
  Mamba2 mamba;
};

// Expert e of a layer: a tensor of its own, or its part of the one that transformers holds in memory.
Tensor expert_tensor(const HuggingFaceLayer& hf, const std::string& projection, std::int64_t e, std::int64_t experts, const Dimensions& shape) {
  const auto packed = "mixer.experts." + projection;
  if (!hf.source(packed)) return hf("mixer.experts." + std::to_string(e) + "." + projection + ".weight", shape);
  return reshape(slice(hf(packed, {experts, shape[0], shape[1]}), 0, e, e + 1), shape);
}

// A linear layer of Transformer Engine's that every rank has all of.
Parameter whole(const Tensor& value) { return {value, WB_SPLIT_NONE, WB_EXTRA_EMPTY, 0}; }

void mixture_of_experts(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Sizes& s) {
  const auto inner = s.latent ? s.latent : s.hidden;
  layer["pre_mlp_layernorm.weight"] = norm(hf("norm.weight", {s.hidden}));
  layer["mlp.router.weight"] = replicated(hf("mixer.gate.weight", {s.experts, s.hidden}));
  layer["mlp.router.expert_bias"] =
      Parameter{cast(hf("mixer.gate.e_score_correction_bias", {s.experts}), WB_DTYPE_F32), WB_SPLIT_NONE, WB_EXTRA_ABSENT, WB_KEEP_DTYPE};
  if (s.latent) {
    layer["mlp.fc1_latent_proj.weight"] = whole(hf("mixer.fc1_latent_proj.weight", {s.latent, s.hidden}));
    layer["mlp.fc2_latent_proj.weight"] = whole(hf("mixer.fc2_latent_proj.weight", {s.hidden, s.latent}));
  }
  for (std::int64_t e = 0; e < s.experts; ++e) {
    layer["mlp.experts.linear_fc1.weight"].of_expert(e, s.experts) = column(expert_tensor(hf, "up_proj", e, s.experts, {s.expert, inner}));
    layer["mlp.experts.linear_fc2.weight"].of_expert(e, s.experts) = row(expert_tensor(hf, "down_proj", e, s.experts, {inner, s.expert}));
  }
  layer["mlp.shared_experts.linear_fc1.weight"] = column(hf("mixer.shared_experts.up_proj.weight", {s.shared, s.hidden}));
  layer["mlp.shared_experts.linear_fc2.weight"] = row(hf("mixer.shared_experts.down_proj.weight", {s.hidden, s.shared}));
}

void layer_equations(char kind, const MegatronLayer& layer, const HuggingFaceLayer& hf, const Sizes& s) {
  switch (kind) {
    case 'M':
      layer["mixer.in_proj.layer_norm_weight"] = replicated(hf("norm.weight", {s.hidden}));
      mamba2_mixer(layer.under("mixer."), hf, "mixer.", s.mamba);
      break;
    case '*':
      layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("norm.weight", {s.hidden}));
      layer["self_attention.linear_qkv.weight"] = column(interleave(s.groups,
          hf("mixer.q_proj.weight", {s.heads * s.width, s.hidden}),
          hf("mixer.k_proj.weight", {s.groups * s.width, s.hidden}),
          hf("mixer.v_proj.weight", {s.groups * s.width, s.hidden})));
      layer["self_attention.linear_proj.weight"] = row(hf("mixer.o_proj.weight", {s.hidden, s.heads * s.width}));
      break;
    case '-':
      layer["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("norm.weight", {s.hidden}));
      layer["mlp.linear_fc1.weight"] = column(hf("mixer.up_proj.weight", {s.ffn, s.hidden}));
      layer["mlp.linear_fc2.weight"] = row(hf("mixer.down_proj.weight", {s.hidden, s.ffn}));
      break;
    default: mixture_of_experts(layer, hf, s);
  }
}

// Depth k predicts through its own layers, which Hugging Face counts through: the first has the joining parts, the
// last the norm behind them.
void prediction_equations(const Model& model, const Pattern& pattern, const Sizes& s) {
  const auto length = static_cast<std::int64_t>(pattern.prediction.size());
  for (std::int64_t k = 0; k < pattern.copies(); ++k) {
    const auto at = [&](std::int64_t i) { return model.layer(kPrediction, k, pattern.copies(), kPrediction, k * length + i); };
    const auto [depth, first, index] = at(0);
    depth["enorm.weight"] = norm(first("enorm.weight", {s.hidden}));
    depth["hnorm.weight"] = norm(first("hnorm.weight", {s.hidden}));
    depth["eh_proj.weight"] = column(first("eh_proj.weight", {s.hidden, 2 * s.hidden}));
    for (std::int64_t i = 0; i < length; ++i)
      layer_equations(pattern.prediction[static_cast<std::size_t>(i)], depth.under("mtp_model_layer.layers." + std::to_string(i) + "."),
                      at(i).hugging_face, s);
    depth["final_layernorm.weight"] = norm(at(length - 1).hugging_face("final_layernorm.weight", {s.hidden}));
  }
}

// The dialects of the names outside the layers: hub files, files that transformers 5 saved, and its names in memory.
std::string backbone_of(const Config& c) { return c.source_has("model.norm_f.weight") ? "model." : "backbone."; }
std::string embedding_of(const Config& c, const std::string& backbone) {
  return backbone + (c.source_has(backbone + "embedding.weight") ? "embedding.weight" : "embeddings.weight");
}

constexpr Field kFields[] = {
    integer_field("vocab_size", "vocab_size", 131072),
    integer_field("hidden_size", "hidden_size", 4096),
    integer_field("intermediate_size", "ffn_hidden_size", 21504),
    integer_field("num_attention_heads", "num_attention_heads", 32),
    integer_field("max_position_embeddings", "seq_length", 4096),
    number_field("layer_norm_epsilon", "layernorm_epsilon", 1e-5),
    number_field("initializer_range", "init_method_std", 0.02),
    number_field("attention_dropout", "attention_dropout", 0.0),
    number_field("hidden_dropout", "hidden_dropout", 0.0),
    flag_field("residual_in_fp32", "fp32_residual_connection", false),
    flag_field("tie_word_embeddings", "share_embeddings_and_output_weights", false),
    integer_field("mamba_num_heads", "mamba_num_heads", 128),
    integer_field("mamba_head_dim", "mamba_head_dim", 64),
    integer_field("ssm_state_size", "mamba_state_dim", 128),
};

constexpr Field kExpertFields[] = {
    integer_field("n_routed_experts", "num_moe_experts", 8),
    integer_field("num_experts_per_tok", "moe_router_topk", 2),
    integer_field("moe_intermediate_size", "moe_ffn_hidden_size", 7688),
    integer_field("moe_shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", 7688),
    flag_field("moe_shared_expert_overlap", "moe_shared_expert_overlap", true),
    number_field("routed_scaling_factor", "moe_router_topk_scaling_factor", 1.0),
    integer_field("n_group", "moe_router_num_groups", 1),
    integer_field("topk_group", "moe_router_group_topk", 1),
};

// What Megatron-Core's hybrid model computes in one way only.
void check(const Config& hf, const Pattern& pattern) {
  for (const auto* bias : {"use_bias", "mlp_bias", "attention_bias"})
    if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; the layers of a Nemotron-H in Megatron-Core have no biases");
  if (!hf.flag("mamba_conv_bias", hf.flag("use_conv_bias", true)))
    throw Failure("use_conv_bias is false; the convolution of a Mamba layer in Megatron-Core has a bias");
  if (kernel(hf) != 4) throw Failure("conv_kernel is " + std::to_string(kernel(hf)) + "; Megatron-Core's hybrid model convolves over 4 steps");
  for (const auto& [field, known] : {std::pair{"mlp_hidden_act", "relu2"}, std::pair{"mamba_hidden_act", "silu"}})
    if (const auto act = hf.string(field, known); act != known)
      throw Failure(std::string{field} + " is " + act + "; this family computes with " + known);
  if (hf.has("sliding_window")) throw Failure("sliding_window is set; attention is over everything in this family");
  if (pattern.has('E') && !hf.flag("norm_topk_prob", true))
    throw Failure("norm_topk_prob is false; Megatron-Core normalises the weights of the chosen experts");
  check_step_limits(hf, hf.has("mamba_dt_limit") ? "mamba_dt_limit" : "time_step_limit");
}

struct NemotronH {
  static constexpr std::string_view id = "nemotron_h";
  static constexpr std::string_view architectures[] = {"NemotronHForCausalLM"};
  static constexpr std::string_view model_types[] = {"nemotron_h"};
  static constexpr std::string_view provider = "megatron.bridge.models.hybrid.hybrid_provider.HybridModelProvider";

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    const auto pattern = nemotron_h::pattern_of(hf);
    check(hf, pattern);
    if (nemotron_h::lost_prediction(hf))
      notes("num_nextn_predict_layers is " + std::to_string(hf.integer("num_nextn_predict_layers")) +
            ", but there are no tensors of prediction layers: the model is converted without them");
    megatron.set("_target_", provider);
    weighbridge::to_megatron(kFields, hf, megatron);
    weighbridge::to_megatron(kExpertFields, hf, megatron);
    dtype_to_megatron(hf, megatron);
    const Sizes s{hf};
    megatron.set("num_layers", static_cast<std::int64_t>(pattern.decoder.size()));
    megatron.set("hybrid_layer_pattern", megatron_text(pattern));
    megatron.set("num_query_groups", s.groups);
    megatron.set("kv_channels", s.width);
    megatron.set("mamba_num_groups", s.mamba.groups);
    megatron.set("mamba_chunk_size", chunk_size(hf));
    megatron.set("make_vocab_size_divisible_by", vocabulary_divisor(s.rows));
    if (s.latent) megatron.set("moe_latent_size", s.latent);
    if (!hf.has("layer_norm_epsilon") && hf.has("rms_norm_eps")) megatron.set("layernorm_epsilon", hf.number("rms_norm_eps"));
    megatron.set("rotary_base", 10000.0);  // said by some files and used by none
    megatron.copy("rotary_base", hf, "rope_theta");
    prediction_to_megatron(hf, pattern, megatron);
    always(megatron);
  }

  static void prediction_to_megatron(const Config& hf, const Pattern& pattern, const Config& megatron) {
    megatron.set("mtp_num_layers", pattern.depths);
    if (pattern.depths == 0) return;
    megatron.set("mtp_hybrid_override_pattern", pattern.prediction);
    megatron.set("mtp_use_repeated_layer", pattern.repeated);
    megatron.set("keep_mtp_spec_in_bf16", hf.flag("keep_mtp_spec_in_bf16", true));
    megatron.set("mtp_loss_scaling_factor", hf.number("mtp_loss_scaling_factor", 0.3));
  }

  static void always(const Config& megatron) {
    megatron.set("is_hybrid_model", true);
    megatron.set("normalization", "RMSNorm");
    megatron.set("activation_func", "squared_relu");
    megatron.set("gated_linear_unit", false);
    megatron.set("add_bias_linear", false);
    megatron.set("add_qkv_bias", false);
    megatron.set("position_embedding_type", "none");
    megatron.set("moe_router_score_function", "sigmoid");
    megatron.set("moe_router_enable_expert_bias", true);
    megatron.set("moe_router_load_balancing_type", "seq_aux_loss");
    megatron.set("moe_router_dtype", "fp32");
    megatron.set("moe_aux_loss_coeff", 1e-4);
    megatron.set("moe_grouped_gemm", true);
    megatron.set("moe_token_dispatcher_type", "alltoall");
    megatron.set("attention_backend._target_", "megatron.core.transformer.enums.AttnBackend");
    megatron.set("attention_backend._name_", "flash");
    megatron.set("attention_backend._call_", true);
    megatron.set_list("attention_backend._args_");
    megatron.set("attention_backend._args_.0", 1);
    for (const auto* on : {"masked_softmax_fusion", "persist_layer_norm", "first_last_layers_bf16", "moe_permute_fusion"}) megatron.set(on, true);
    for (const auto* off : {"attention_softmax_in_fp32", "apply_query_key_layer_scaling"}) megatron.set(off, false);
  }

  // The style of the hub, which transformers reads in every version.
  static void to_hugging_face(Config megatron, Config hf, Notes notes) {
    if (megatron.flag("add_bias_linear") || megatron.flag("add_qkv_bias"))
      throw Failure("add_bias_linear or add_qkv_bias is true; Nemotron-H has no biases");
    const auto pattern = nemotron_h::pattern_of_megatron(megatron);
    weighbridge::to_hugging_face(kFields, megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    const auto heads = megatron.integer("num_attention_heads", 32);
    if (heads < 1) throw Failure("num_attention_heads is " + std::to_string(heads) + "; it should be 1 or more");
    const auto width = megatron.integer("kv_channels", megatron.integer("hidden_size", 4096) / heads);
    hf.set("num_hidden_layers", static_cast<std::int64_t>(pattern.decoder.size()));
    hf.set("hybrid_override_pattern", pattern.decoder);
    hf.set("num_key_value_heads", megatron.integer("num_query_groups", heads));
    hf.set("head_dim", width);
    hf.set("attention_head_dim", width);
    hf.set("n_groups", megatron.integer("mamba_num_groups", 8));
    hf.set("chunk_size", megatron.integer("mamba_chunk_size", 128));
    hf.set("conv_kernel", 4);
    hf.set("mlp_hidden_act", "relu2");
    hf.set("mamba_hidden_act", "silu");
    for (const auto* none : {"use_bias", "mlp_bias", "attention_bias", "mamba_proj_bias"}) hf.set(none, false);
    for (const auto* always : {"use_conv_bias", "use_cache"}) hf.set(always, true);
    if (pattern.has('E')) {
      weighbridge::to_hugging_face(kExpertFields, megatron, hf);
      hf.set("n_shared_experts", 1);
      hf.set("norm_topk_prob", true);
      if (megatron.has("moe_latent_size")) hf.set("moe_latent_size", megatron.integer("moe_latent_size"));
    }
    if (pattern.depths > 0) prediction_to_hugging_face(pattern, hf, notes);
  }

  // Readers of a config.json expect as many sets of prediction layers as it states depths.
  static void prediction_to_hugging_face(const Pattern& pattern, const Config& hf, const Notes& notes) {
    hf.set("num_nextn_predict_layers", pattern.copies());
    hf.set("mtp_hybrid_override_pattern", pattern.prediction);
    if (!pattern.repeated) hf.set("mtp_use_repeated_layer", false);
    if (pattern.copies() != pattern.depths)
      notes("num_nextn_predict_layers is 1: one set of layers predicts all " + std::to_string(pattern.depths) + " depths (mtp_use_repeated_layer)");
  }

  static bool recognises(const Config& megatron) {
    const auto target = megatron.string("_target_", "");
    const bool hybrid = target.empty() || is_built_by(megatron, "HybridModelProvider") || is_built_by(megatron, "MambaModelProvider") ||
                        target.find(".nemotronh.") != std::string::npos;
    return hybrid && !megatron.string("hybrid_layer_pattern", megatron.string("hybrid_override_pattern", "")).empty() &&
           megatron.string("activation_func", "") == "squared_relu" && !megatron.flag("gated_linear_unit");
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const Sizes s{c};
    const auto backbone = run.has("model.norm_f.weight") ? "model." : "backbone.";
    const auto embedding = std::string{backbone} + (run.has(std::string{backbone} + "embedding.weight") ? "embedding.weight" : "embeddings.weight");
    nemotron_h::forward_model(c, run, {nemotron_h::pattern_of(c).decoder, backbone, embedding, s.heads, s.groups, s.width, s.mamba});
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_hybrid(megatron, run, {.group_best = 2}); }

  static void equations(const Config& c, Model& model) {
    const Sizes s{c};
    const auto pattern = nemotron_h::pattern_of(c);
    const auto backbone = backbone_of(c), embedding = embedding_of(c, backbone);
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor(embedding, {s.rows, s.hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", backbone + "layers.", static_cast<std::int64_t>(pattern.decoder.size())))
      layer_equations(pattern.decoder[static_cast<std::size_t>(index)], decoder, hf, s);
    prediction_equations(model, pattern, s);
    model["decoder.final_norm.weight"] = norm(model.tensor(backbone + "norm_f.weight", {s.hidden}));
    model["output_layer"] = module_state(WB_EXTRA_NONE);
    if (c.flag("tie_word_embeddings"))
      model.tied("lm_head.weight", embedding, "tie_word_embeddings");
    else
      model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {s.rows, s.hidden}));
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<NemotronH>("nemotron_h", "1.0.0"); }
