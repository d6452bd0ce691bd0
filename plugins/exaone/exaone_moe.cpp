// EXAONE-MoE.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm, also of each head of q and k; windows as in EXAONE 4 (layer_kinds.hpp).
//   The mlp is dense in the first layers, behind them a mixture: experts that score highest by sigmoid and a bias that is learned
//   apart, beside one that all tokens share. Layers that predict further tokens are dense.

#include "exaone_moe.hpp"

#include <weighbridge/experts.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/rope_translation.hpp>

#include <string>
#include <vector>

#include "layer_kinds.hpp"

namespace exaone {
namespace {

using namespace weighbridge;

constexpr std::int64_t kGroups = 32, kContext = 2048;  // where a config.json does not say
constexpr double kEpsilon = 1e-5, kScale = 2.5;
constexpr std::int64_t kGroupBest = 2;  // groups of experts are as good as so many of their best
constexpr auto kRope = every_scaling(10000.0, "llama3");

struct Sizes {
  GroupedAttention attention;
  std::int64_t hidden{}, ffn{}, experts{}, expert_width{}, shared_width{};
};

Sizes sizes_of(const Config& c) {
  Sizes s;
  s.hidden = c.integer("hidden_size");
  s.ffn = c.integer("intermediate_size");
  s.attention = {s.hidden, c.integer("num_attention_heads"), c.integer("num_key_value_heads", kGroups), head_width(c)};
  s.experts = c.integer("num_experts", 64);
  s.expert_width = c.integer("moe_intermediate_size", 1024);
  s.shared_width = c.integer("num_shared_experts", 1) * s.expert_width;
  return s;
}

// Which layers are mixtures. Repositories with code of their own say it in is_moe_layer.
std::vector<bool> mixtures_of(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers"), first = hf.integer("first_k_dense_replace", 1);
  std::vector<bool> mixtures;
  for (const auto* list : {"is_moe_layer", "mlp_layer_types"})
    if (const auto count = hf.find_count(list); count && *count != layers)
      throw Failure(std::string{list} + " has " + std::to_string(*count) + " entries for " + std::to_string(layers) + " layers");
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto flag = Config::at("is_moe_layer", i), type = Config::at("mlp_layer_types", i);
    const auto named = hf.string(type, "");
    if (!named.empty() && named != "dense" && named != "sparse") throw Failure(type + " is " + named + "; EXAONE-MoE has dense and sparse");
    if (hf.has(flag) && !named.empty() && hf.truth(flag) != (named == "sparse")) throw Failure(flag + " and " + type + " contradict each other");
    mixtures.push_back(hf.has(flag) ? hf.truth(flag) : !named.empty() ? named == "sparse" : i >= first);
  }
  return mixtures;
}

std::vector<bool> stated_mixtures(const Config& megatron) {
  std::vector<bool> mixtures;
  const auto every = megatron.integer(megatron.has("moe_layer_freq.0") ? "moe_layer_freq.0" : "moe_layer_freq", 1);
  for (std::int64_t i = 0; i < megatron.integer("num_layers"); ++i)
    mixtures.push_back(forward::listed(megatron, "moe_layer_freq", i).value_or(every > 0 && i % every == 0));
  return mixtures;
}

// Layers that predict further tokens: as the model counts them, and those that there are, of which one may be used again and again.
struct Predictions {
  std::int64_t stated{}, held{};
  bool lost{};  // stated, but the source holds none: transformers leaves them out when it saves
};

Predictions predictions_of(const Config& hf) {
  Predictions p{hf.integer("num_nextn_predict_layers", 0)};
  p.held = hf.flag("mtp_share_layers") && p.stated > 0 ? 1 : p.stated;
  p.lost = p.stated > 0 && hf.has_source() && !hf.source_has("mtp.norm.weight");
  return p.lost ? Predictions{0, 0, true} : p;
}

std::int64_t predictions_of_megatron(const Config& megatron) {
  const auto stated = megatron.integer("mtp_num_layers", 0);
  return megatron.flag("mtp_use_repeated_layer") && stated > 0 ? 1 : stated;
}

void attention_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Sizes& s) {
  grouped_attention(layer, hf, s.attention);
  head_norms(layer, hf, s.attention.width);
}

void mixture_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Sizes& s) {
  expert_mixture(layer, hf, {s.hidden, s.experts, s.expert_width, s.shared_width}, replicated(hf("mlp.gate.weight", {s.experts, s.hidden})),
                 expert_bias(hf("mlp.e_score_correction_bias", {s.experts})));
}

// All layers that predict share one projection of embedding and state and one set of norms; each of Megatron's has its own.
void prediction_equations(const Model& model, const Layer& layer, const Sizes& s) {
  const auto& [mtp, hf, number] = layer;
  const auto shared = [&, first = number == 0](std::string_view name, const Dimensions& shape) {
    const auto tensor = model.tensor(name, shape);
    return first ? tensor : echo(tensor);
  };
  mtp["enorm.weight"] = norm(shared("mtp.pre_fc_norm_embedding.weight", {s.hidden}));
  mtp["hnorm.weight"] = norm(shared("mtp.pre_fc_norm_hidden.weight", {s.hidden}));
  mtp["eh_proj.weight"] = column(shared("mtp.fc.weight", {s.hidden, 2 * s.hidden}));
  mtp["final_layernorm.weight"] = norm(shared("mtp.norm.weight", {s.hidden}));
  attention_equations(mtp.under("transformer_layer."), hf, s);
  gated_mlp(mtp.under("transformer_layer."), hf, s.ffn, s.hidden);
}

void experts_to_megatron(const Config& hf, const Sizes& s, const Config& megatron, const Notes& notes) {
  if (const auto scores = hf.string("scoring_func", "sigmoid"); scores != "sigmoid")
    throw Failure("scoring_func is " + scores + "; EXAONE-MoE scores experts by sigmoid");
  if (!hf.flag("norm_topk_prob", true))
    notes("norm_topk_prob is false; Megatron-Core makes the weights of the chosen experts sum to 1, so a run there weighs them otherwise; "
          "exporting with this checkpoint as --hf-model keeps it");
  megatron.set("num_moe_experts", s.experts);
  megatron.set("moe_ffn_hidden_size", s.expert_width);
  megatron.set("moe_router_topk", hf.integer("num_experts_per_tok", 8));
  megatron.set("moe_router_num_groups", hf.integer("n_group", 1));
  megatron.set("moe_router_group_topk", hf.integer("topk_group", 1));
  megatron.set("moe_router_topk_scaling_factor", hf.number("routed_scaling_factor", kScale));
  megatron.set("moe_router_score_function", "sigmoid");
  for (const auto* on : {"moe_router_enable_expert_bias", "moe_router_pre_softmax", "moe_grouped_gemm", "moe_permute_fusion"}) megatron.set(on, true);
  if (s.shared_width > 0) megatron.set("moe_shared_expert_intermediate_size", s.shared_width);
  megatron.set("moe_shared_expert_overlap", s.shared_width > 0);
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  megatron.set("moe_router_load_balancing_type", "global_aux_loss");
  megatron.set("moe_aux_loss_coeff", 0.01);
  megatron.set("moe_z_loss_coeff", 0.001);
  mixtures_to_megatron(mixtures_of(hf), megatron);
}

}  // namespace

void ExaoneMoe::to_megatron(Config hf, Config megatron, Notes notes) {
  // The builder of layers is the class's own; Megatron-Bridge refuses a document that names it, for being private.
  megatron.set("_target_", "megatron.bridge.models.exaone.exaone_moe.exaone_moe_provider.ExaoneMoeModelProvider");
  dense_decoder(megatron);
  weighbridge::to_megatron(kDecoderFields, hf, megatron);
  megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
  attention_to_megatron(hf, megatron, kGroups, kContext);
  dtype_to_megatron(hf, megatron);
  megatron.set("qk_layernorm", true);
  rope_to_megatron(hf, megatron, notes, kRope);
  if (!megatron.flag("rope_scaling")) megatron.set_null("rope_scaling_factor");
  kinds_to_megatron(kinds_of(hf, hf.integer("num_hidden_layers")), megatron);
  experts_to_megatron(hf, sizes_of(hf), megatron, notes);
  const auto predictions = predictions_of(hf);
  if (predictions.stated > 0) megatron.set("mtp_num_layers", predictions.stated);
  if (predictions.stated > predictions.held) megatron.set("mtp_use_repeated_layer", true);
  megatron.set("mtp_loss_scaling_factor", hf.number("mtp_loss_scaling_factor", 0.1));
  if (predictions.lost)
    notes("num_nextn_predict_layers is not 0, but the source holds no such layers: neither has the Megatron model any");
}

void ExaoneMoe::to_hugging_face(Config megatron, Config hf, Notes) {
  weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
  attention_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  rope_to_hugging_face(megatron, hf, kRope);
  kinds_to_hugging_face(megatron, hf);
  const auto width = megatron.integer("moe_ffn_hidden_size");
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", width);
  hf.set("num_shared_experts", shared_experts_of_megatron(megatron, width));
  hf.set("n_group", megatron.integer("moe_router_num_groups", 1));
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set("routed_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("scoring_func", "sigmoid");
  hf.set("topk_method", "noaux_tc");
  hf.set("norm_topk_prob", true);
  const auto mixtures = stated_mixtures(megatron);
  std::int64_t first = 0;
  while (first < static_cast<std::int64_t>(mixtures.size()) && !mixtures[static_cast<std::size_t>(first)]) ++first;
  hf.set("first_k_dense_replace", first);
  mixture_list_to_hugging_face(mixtures, hf);
  hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
  if (megatron.flag("mtp_use_repeated_layer")) hf.set("mtp_share_layers", true);
  hf.set("mtp_loss_scaling_factor", megatron.number("mtp_loss_scaling_factor", 0.1));
}

void ExaoneMoe::equations(const Config& c, Model& model) {
  const auto s = sizes_of(c);
  const auto rows = c.integer("vocab_size");
  const auto mixtures = mixtures_of(c);
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, s.hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    attention_equations(decoder, hf, s);
    if (mixtures[static_cast<std::size_t>(index)]) mixture_equations(decoder, hf, s);
    else gated_mlp(decoder, hf, s.ffn, s.hidden);
  }
  const auto megatron = model.megatron();
  const auto stated = predictions_of(c).held, held = megatron.has("num_layers") ? predictions_of_megatron(megatron) : stated;
  for (const auto& layer : model.layers("mtp.layers.", "mtp.layers.", held)) prediction_equations(model, layer, s);
  if (held == 0) model.carried("mtp.*", "the Megatron model has no layers that predict further tokens");
  for (auto number = held; held > 0 && number < stated; ++number)
    model.carried("mtp.layers." + std::to_string(number) + ".*", "the Megatron model has no such prediction layer");
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {s.hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), rows, s.hidden);
}

void ExaoneMoe::forward_hugging_face(const Config& c, Forward& run) {
  const auto width = head_width(c);
  const auto kinds = kinds_of(c, c.integer("num_hidden_layers"));
  const auto mixtures = mixtures_of(c);
  const auto rotary = forward::stated_rotary(c, kRope.theta, width, kRope.slowed);
  const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
  const forward::Routing routing{.score = forward::Score::sigmoid, .chosen = c.integer("num_experts_per_tok", 8),
                                 .normalised = c.flag("norm_topk_prob", true), .scale = static_cast<float>(c.number("routed_scaling_factor", kScale)),
                                 .groups = c.integer("n_group", 1), .chosen_groups = c.integer("topk_group", 1), .group_best = kGroupBest};
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        const auto attention = forward::grouped_queries(attention_heads(c), c.integer("num_key_value_heads", kGroups), width,
                                                        kinds.has_window(layer) ? *kinds.window : 0);
        return forward::separate_attention(run, at, x, attention, kinds.has_positions(layer) ? rotary : forward::Rotary{}, norm);
      },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return mixtures[static_cast<std::size_t>(layer)] ? forward::separate_mixture(run, at, x, routing, "e_score_correction_bias")
                                                         : forward::separate_gated(run, at, x);
      },
      kEpsilon);
}

void ExaoneMoe::forward_megatron(const Config& megatron, Forward& run) {
  forward::tell_group_ranking(megatron, run, kGroupBest);
  forward::megatron_gpt(megatron, run, {.group_best = kGroupBest});
}

bool ExaoneMoe::recognises(const Config& megatron) {
  if (!names_no_builder(megatron)) return is_built_by(megatron, "ExaoneMoeModelProvider");
  // Megatron-LM's arguments: no other family of experts scored by sigmoid leaves positions out by layer.
  return megatron.has("num_moe_experts") && megatron.has("no_rope_freq.0") && megatron.has("window_attn_skip_freq.0") && megatron.flag("qk_layernorm") &&
         megatron.string("moe_router_score_function", "softmax") == "sigmoid" && megatron.flag("moe_router_enable_expert_bias") &&
         megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") && !megatron.flag("add_bias_linear") &&
         !megatron.flag("add_qkv_bias") && !megatron.flag("multi_latent_attention") && megatron.number("rotary_percent", 1.0) == 1.0;
}

}  // namespace exaone
