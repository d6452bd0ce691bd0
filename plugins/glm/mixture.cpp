#include "mixture.hpp"

#include <weighbridge/forward/megatron_feed_forward.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/prediction.hpp>

#include <algorithm>
#include <iterator>

namespace glm {
namespace {

// Groups of experts are as good as their best two.
constexpr std::int64_t kGroupBest = 2;

// Either name is the config class's own.
std::int64_t expert_count(const Config& hf, const Defaults& d) {
  return hf.integer("n_routed_experts", hf.integer("num_local_experts", d.experts));
}

bool megatron_layer(const Config& megatron, std::int64_t layer) {
  if (const auto listed = forward::listed(megatron, "moe_layer_freq", layer)) return *listed;
  const auto every = megatron.integer("moe_layer_freq", 1);
  if (every < 1) throw Failure("moe_layer_freq is " + std::to_string(every) + "; 1 gives every layer experts");
  return layer % every == 0;
}

void layers_to_hugging_face(const Config& megatron, const Config& hf, const Defaults& d) {
  std::vector<bool> mixtures;
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i) mixtures.push_back(megatron_layer(megatron, i));
  if (std::ranges::is_sorted(mixtures)) hf.set("first_k_dense_replace", dense_layers_before(mixtures));
  else if (!d.lists_layers)
    throw Failure("moe_layer_freq has a dense layer behind a mixture; first_k_dense_replace of this architecture cannot say so");
  if (d.lists_layers) mixture_list_to_hugging_face(mixtures, hf);
}

void experts_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const Defaults& d) {
  if (const auto stated = hf.string("scoring_func", "sigmoid"); stated != "sigmoid")
    throw Failure("scoring_func is " + stated + "; experts of this architecture are scored by sigmoid");
  if (!hf.flag("norm_topk_prob", true))
    notes("norm_topk_prob is false; Megatron-Core makes the weights of the chosen experts sum to 1, so a run there weighs them otherwise; "
          "exporting with this checkpoint as --hf-model keeps it");
  const auto experts = experts_of(hf, d);
  megatron.set("num_moe_experts", experts.count);
  megatron.set("moe_ffn_hidden_size", experts.width);
  megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", d.chosen));
  megatron.set("moe_router_topk_scaling_factor", d.scale);
  megatron.copy("moe_router_topk_scaling_factor", hf, "routed_scaling_factor");
  megatron.set("moe_router_num_groups", hf.integer("n_group", 1));
  megatron.set("moe_router_group_topk", hf.integer("topk_group", 1));
  if (experts.shared_width > 0) megatron.set("moe_shared_expert_intermediate_size", experts.shared_width);
  megatron.set("moe_shared_expert_overlap", experts.shared_width > 0);
  megatron.set("moe_router_score_function", "sigmoid");
  megatron.set("moe_router_load_balancing_type", "seq_aux_loss");
  megatron.set("moe_router_dtype", "fp32");
  for (const auto* on : {"moe_router_enable_expert_bias", "moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(on, true);
  mixtures_to_megatron(layer_kinds(hf, d).layers, megatron);
}

}  // namespace

LayerKinds layer_kinds(const Config& hf, const Defaults& d) {
  const auto layers = hf.integer("num_hidden_layers");
  constexpr std::int64_t kMostLayers = 10'000;  // more is a fault of the file, and would be looked at one by one
  if (layers < 1 || layers > kMostLayers) throw Failure("num_hidden_layers is " + std::to_string(layers) + "; it counts layers");
  LayerKinds kinds;
  const auto listed = d.lists_layers ? hf.find_count("mlp_layer_types") : std::nullopt;
  if (!listed) {
    const auto first = hf.integer("first_k_dense_replace", d.first_dense);
    for (std::int64_t i = 0; i < layers; ++i) kinds.layers.push_back(i >= first);
    kinds.behind = layers >= first;
    return kinds;
  }
  if (*listed != layers)
    throw Failure("mlp_layer_types names " + std::to_string(*listed) + " layers; num_hidden_layers is " + std::to_string(layers));
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto type = hf.string(Config::at("mlp_layer_types", i), "");
    if (type != "dense" && type != "sparse") throw Failure("mlp_layer_types names a layer " + type + "; there are dense and sparse ones");
    kinds.layers.push_back(type == "sparse");
  }
  kinds.behind = kinds.layers.back();
  return kinds;
}

ExpertMixture experts_of(const Config& hf, const Defaults& d) {
  const auto width = hf.integer("moe_intermediate_size", d.width), shared = hf.integer("n_shared_experts", 1);
  if (shared < 0) throw Failure("n_shared_experts is " + std::to_string(shared) + "; it counts experts");
  return {hf.integer("hidden_size"), expert_count(hf, d), width, shared * width, true};
}

void decoder_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, const Defaults& d) {
  dense_decoder(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
  dtype_to_megatron(hf, megatron);
  megatron.set("autocast_dtype", "bfloat16");  // whatever the weights are
  experts_to_megatron(hf, megatron, notes, d);
}

void decoder_to_hugging_face(const Config& megatron, const Config& hf, const Defaults& d) {
  to_hugging_face(kDecoderFields, megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  layers_to_hugging_face(megatron, hf, d);
  const auto width = megatron.integer("moe_ffn_hidden_size");
  hf.set("n_routed_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", width);
  hf.set("n_shared_experts", shared_experts_of_megatron(megatron, width));
  hf.set("routed_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("n_group", megatron.integer("moe_router_num_groups", 1));
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set("norm_topk_prob", true);
  hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
}

void predictions_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  megatron.set("mtp_loss_scaling_factor", 0.3);
  if (!hf.has("num_nextn_predict_layers")) return;
  const auto stated = hf.integer("num_nextn_predict_layers"), held = predictions_in_source(hf);
  megatron.set("mtp_num_layers", held);
  if (held < stated) notes("num_nextn_predict_layers is not 0, but the source holds no such layers: neither has the Megatron model any");
}

bool has_such_experts(const Config& megatron) {
  const auto first = Config::at("moe_router_load_balancing_type", 0);  // Megatron-LM may balance in several ways at a time
  return megatron.has("num_moe_experts") && megatron.string("moe_router_score_function", "softmax") == "sigmoid" &&
         megatron.flag("moe_router_enable_expert_bias") &&
         megatron.string(megatron.has(first) ? first : "moe_router_load_balancing_type", "") == "seq_aux_loss" &&
         megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") && !megatron.flag("add_bias_linear") &&
         megatron.string("activation_func", "silu") == "silu" && !megatron.flag("is_hybrid_model") && !megatron.has("window_size") &&
         !megatron.flag("layernorm_zero_centered_gamma") && !megatron.flag("attention_output_gate");
}

void model_equations(const Config& c, const Model& model, const Defaults& d, const AttentionOf& attention) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto layers = c.integer("num_hidden_layers");
  const auto kinds = layer_kinds(c, d);
  const auto experts = experts_of(c, d);
  const bool tied = c.flag("tie_word_embeddings");
  const auto feed_forward = [&](const MegatronLayer& layer, const HuggingFaceLayer& hf, bool mixture) {
    if (mixture) expert_mixture(layer, hf, experts);
    else gated_mlp(layer, hf, ffn, hidden);
  };

  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", layers)) {
    attention(decoder, hf, {index, false});
    feed_forward(decoder, hf, kinds.at(index));
  }
  const auto predictions = prediction_layers(c, model);
  if (!predictions.empty() && kinds.behind != kinds.layers.back())
    throw Failure("num_nextn_predict_layers: layer " + std::to_string(layers) + " is not of the kind of the last layer, as Megatron makes it");
  for (const auto& [mtp, hf, number] : predictions) {
    prediction_layer(model, mtp, hf, hidden, tied ? "model.embed_tokens.weight" : "lm_head.weight");
    const auto inner = mtp.under("transformer_layer.");
    attention(inner, hf, {number - layers, true});
    feed_forward(inner, hf, kinds.behind);
  }
  // A configuration that was made of a Megatron model without them does not count them either.
  if (const auto stated = c.integer("num_nextn_predict_layers", 0); std::ssize(predictions) >= stated)
    model.carried("model.layers." + std::to_string(layers + std::ssize(predictions)) + ".*", "the Megatron model has no such prediction layer");
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, tied, rows, hidden);
}

forward::Routing routing_of(const Config& hf, const Defaults& d) {
  return {.score = forward::Score::sigmoid,
          .chosen = hf.integer("num_experts_per_tok", d.chosen),
          .normalised = hf.flag("norm_topk_prob", true),
          .scale = static_cast<float>(hf.number("routed_scaling_factor", d.scale)),
          .groups = hf.integer("n_group", 1),
          .chosen_groups = hf.integer("topk_group", 1),
          .group_best = kGroupBest};
}

forward::MegatronExtras extras_of(const Config& megatron, const Forward& run) {
  forward::tell_group_ranking(megatron, run, kGroupBest);
  return {.group_best = kGroupBest};
}

}  // namespace glm
