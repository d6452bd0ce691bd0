// DeepSeek V2, V2-Lite, V3, V3.1 and R1; Moonlight and Kimi K2, which are DeepSeek V3 with other numbers.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm; latent attention; the mlp is dense in the first layers and a
//   mixture of experts with shared ones behind. V2 scores experts by softmax, V3 by sigmoid and a bias that is
//   learned apart. V3 has layers that predict further tokens, numbered after the others.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/pre_norm_decoder.hpp>
#include <weighbridge/forward/separate_latent_attention.hpp>
#include <weighbridge/forward/separate_mixture.hpp>
#include <weighbridge/latent_attention_translation.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/prediction.hpp>

#include <algorithm>
#include <string>

namespace {

using namespace weighbridge;

// What the config classes of a generation take for granted.
struct Defaults {
  std::int64_t first_dense{}, experts{}, width{}, shared{}, chosen{}, context{};
  double scale{};
};
constexpr Defaults kV2{0, 64, 1407, 2, 0, 2048, 1.0}, kV3{3, 256, 2048, 1, 8, 4096, 2.5};

enum class Generation { v2, v3 };
constexpr const Defaults& of(Generation generation) { return generation == Generation::v2 ? kV2 : kV3; }

std::int64_t expert_width(const Config& c, Generation generation) { return c.integer("moe_intermediate_size", of(generation).width); }
std::int64_t shared_width(const Config& c, Generation generation) {
  return c.is_null("n_shared_experts") ? 0 : c.integer("n_shared_experts", of(generation).shared) * expert_width(c, generation);
}

// transformers leaves the layers that predict further tokens out when it saves, though the config goes on counting them.
std::int64_t predictions_of(const Config& c) {
  const auto stated = c.integer("num_nextn_predict_layers", 0);
  const auto first = "model.layers." + std::to_string(c.integer("num_hidden_layers")) + ".eh_proj.weight";
  return c.has_source() && !c.source_has(first) ? 0 : stated;
}

void model_equations(const Config& c, Model& model, Generation generation) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
  const auto layers = c.integer("num_hidden_layers");
  // A Megatron model may have been made without.
  const auto stated = c.integer("num_nextn_predict_layers", 0);
  const auto predictions = model.megatron().has("num_layers") ? std::min(stated, model.megatron().integer("mtp_num_layers", 0)) : stated;
  const auto attention = mla::attention_of(c);
  const auto mixtures = mixture_layers_of(c, of(generation).first_dense);
  const ExpertMixture experts{hidden, c.integer("n_routed_experts", of(generation).experts), expert_width(c, generation),
                             shared_width(c, generation), generation == Generation::v3};

  const auto block = [&](const MegatronLayer& layer, const HuggingFaceLayer& hf, bool mixture) {
    mla::attention(model, layer, hf, attention);
    if (mixture) expert_mixture(layer, hf, experts);
    else gated_mlp(layer, hf, ffn, hidden);
    model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
  };

  const bool tied = c.flag("tie_word_embeddings");
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", layers)) block(decoder, hf, mixtures.at(index));
  for (std::int64_t k = 0; k < predictions; ++k) {
    const auto [mtp, hf, number] = model.layer("mtp.layers.", k, predictions, "model.layers.", layers + k);
    // Megatron builds it like the last layer.
    if (mixtures.at(number) != mixtures.at(layers - 1))
      throw Failure("num_nextn_predict_layers: layer " + std::to_string(number) + " is not of the kind of the last layer, as Megatron makes it");
    prediction_layer(model, mtp, hf, hidden, tied ? "model.embed_tokens.weight" : "lm_head.weight");
    block(mtp.under("transformer_layer."), hf, mixtures.at(number));
  }
  for (auto number = layers + predictions; number < layers + stated; ++number)
    model.carried("model.layers." + std::to_string(number) + ".*", "the Megatron model has no such prediction layer");
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
  output_layer(model, tied, rows, hidden);
}

// What Megatron-Bridge says of all of them.
void block_to_megatron(const Config& megatron) {
  megatron.set("_target_", "megatron.bridge.models.mla_provider.MLAModelProvider");
  megatron.set_list("transformer_layer_spec._args_");
  megatron.set("transformer_layer_spec._partial_", true);
  megatron.set("transformer_layer_spec._target_", "megatron.core.models.gpt.gpt_layer_specs.get_gpt_decoder_block_spec");
  megatron.set("transformer_layer_spec.use_transformer_engine", true);
  dense_decoder(megatron);
  for (const auto* fused : {"gradient_accumulation_fusion", "bias_activation_fusion", "bias_dropout_fusion", "cross_entropy_loss_fusion",
                            "masked_softmax_fusion", "persist_layer_norm", "moe_grouped_gemm", "moe_permute_fusion", "moe_router_pre_softmax"})
    megatron.set(fused, true);
  megatron.set("apply_rope_fusion", false);
  megatron.set("attention_softmax_in_fp32", false);
  megatron.set("cross_entropy_fusion_impl", "te");
  megatron.set("moe_token_dispatcher_type", "alltoall");
  megatron.set("moe_router_load_balancing_type", "seq_aux_loss");
  megatron.set("moe_router_dtype", "fp32");
}

void experts_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, Generation generation) {
  const auto& d = of(generation);
  const std::string scores = generation == Generation::v2 ? "softmax" : "sigmoid";
  if (const auto stated = hf.string("scoring_func", scores); stated != scores)
    throw Failure("scoring_func is " + stated + "; experts of this architecture are scored by " + scores);
  megatron.set("moe_router_score_function", scores);
  megatron.set("moe_router_enable_expert_bias", generation == Generation::v3);
  // Megatron-Core makes the weights of the chosen experts sum to 1 with sigmoid scores, and leaves them with softmax.
  const bool sums = generation == Generation::v3;
  if (hf.flag("norm_topk_prob", sums) != sums)
    notes("norm_topk_prob is " + std::string{sums ? "false" : "true"} + "; Megatron-Core computes as if it were not, so a run there weighs "
          "experts otherwise; exporting with this checkpoint as --hf-model keeps it");

  megatron.set("num_moe_experts", hf.integer("n_routed_experts", d.experts));
  megatron.set("moe_router_topk", d.chosen ? hf.integer("num_experts_per_tok", d.chosen) : hf.integer("num_experts_per_tok"));
  megatron.set("moe_ffn_hidden_size", expert_width(hf, generation));
  megatron.set("moe_router_topk_scaling_factor", d.scale);
  megatron.copy("moe_router_topk_scaling_factor", hf, "routed_scaling_factor");
  const auto shared = shared_width(hf, generation);
  if (shared > 0) megatron.set("moe_shared_expert_intermediate_size", shared);
  megatron.set("moe_shared_expert_overlap", shared > 0);
  if (generation == Generation::v3) {
    megatron.set("moe_router_num_groups", hf.integer("n_group", 8));
    megatron.set("moe_router_group_topk", hf.integer("topk_group", 4));
  } else if (hf.has("n_group")) {
    megatron.set("moe_router_num_groups", hf.integer("n_group"));
    megatron.set("moe_router_group_topk", hf.integer("topk_group"));
  }
  mixture_layers_to_megatron(mixture_layers_of(hf, d.first_dense), hf.integer("num_hidden_layers"), megatron);
}

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, Generation generation) {
  block_to_megatron(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  mla::attention_to_megatron(hf, megatron, of(generation).context);
  mla::rope_to_megatron(hf, megatron);
  experts_to_megatron(hf, megatron, notes, generation);
  dtype_to_megatron(hf, megatron);
  if (const auto predictions = predictions_of(hf); predictions > 0) megatron.set("mtp_num_layers", predictions);
  else if (hf.integer("num_nextn_predict_layers", 0) > 0)
    notes("num_nextn_predict_layers is not 0, but the source holds no such layers: neither has the Megatron model any");
  if (!mla::query_rank(hf))
    notes("q_lora_rank is null: Megatron-Core 0.19 puts a norm of its own before linear_q_proj, which this model does not have, and "
          "computes other queries than Hugging Face");
}

void config_to_hugging_face(const Config& megatron, const Config& hf, Generation generation) {
  to_hugging_face(kDecoderFields, megatron, hf);
  mla::attention_to_hugging_face(megatron, hf);
  mla::rope_to_hugging_face(megatron, hf);
  mixture_layers_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);

  const auto width = megatron.integer("moe_ffn_hidden_size"), shared = megatron.integer("moe_shared_expert_intermediate_size", 0);
  if (width < 1 || shared % width != 0)
    throw Failure("moe_shared_expert_intermediate_size is " + std::to_string(shared) + ", no multiple of moe_ffn_hidden_size, " +
                  std::to_string(width));
  const auto groups = megatron.integer("moe_router_num_groups", 1);
  hf.set("n_routed_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", width);
  if (shared > 0) hf.set("n_shared_experts", shared / width);
  else hf.set_null("n_shared_experts");
  hf.set("routed_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("n_group", groups);
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set("topk_method", generation == Generation::v3 ? "noaux_tc" : groups > 1 ? "group_limited_greedy" : "greedy");
  hf.set("scoring_func", generation == Generation::v3 ? "sigmoid" : "softmax");
  hf.set("norm_topk_prob", generation == Generation::v3);
  hf.set("aux_loss_alpha", megatron.number("moe_aux_loss_coeff", 0.0));
  hf.set("seq_aux", true);
  hf.set("ep_size", 1);
  hf.set("pretraining_tp", 1);
  if (generation == Generation::v3) hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
}

// Latent attention and a mixture as these families have them; the scores tell the generations apart.
bool is_of(const Config& megatron, Generation generation) {
  return megatron.flag("multi_latent_attention") && megatron.has("num_moe_experts") && megatron.flag("gated_linear_unit") &&
         (names_no_builder(megatron) || is_built_by(megatron, "MLAModelProvider")) && !megatron.has("experimental_attention_variant") &&
         megatron.number("moe_router_bias_update_rate", 1e-3) != 0 &&  // GLM-4.7-Flash freezes its bias
         megatron.flag("moe_router_enable_expert_bias") == (generation == Generation::v3) &&
         megatron.string("moe_router_score_function", "softmax") == (generation == Generation::v3 ? "sigmoid" : "softmax");
}

// Groups are as good as their best expert in V2, as their best two in V3.
forward::Routing routing_of(const Config& c, Generation generation) {
  const bool v3 = generation == Generation::v3;
  forward::Routing routing{.score = v3 ? forward::Score::sigmoid : forward::Score::softmax,
                           .chosen = of(generation).chosen ? c.integer("num_experts_per_tok", of(generation).chosen) : c.integer("num_experts_per_tok"),
                           .normalised = v3 && c.flag("norm_topk_prob", true),
                           .scale = static_cast<float>(c.number("routed_scaling_factor", of(generation).scale))};
  if (v3 || c.string("topk_method", "greedy") == "group_limited_greedy") {
    routing.groups = c.integer("n_group", v3 ? 8 : 1);
    routing.chosen_groups = c.integer("topk_group", v3 ? 4 : 1);
    routing.group_best = v3 ? 2 : 1;
  }
  return routing;
}

void forward_model(const Config& c, const Forward& run, Generation generation) {
  const auto attention = mla::attention_of(c);
  const auto mixtures = mixture_layers_of(c, of(generation).first_dense);
  const auto core = forward::stated_latent_attention(c, attention, generation == Generation::v3 ? forward::Widened::yes : forward::Widened::no);
  const auto routing = routing_of(c, generation);
  const forward::Norm of_latents{.epsilon = 1e-6F};  // whatever the config says of the others
  forward::pre_norm_decoder(
      c, run,
      [&](std::int64_t, const std::string& at, const forward::Matrix& x) {
        return forward::separate_latent_attention(run, at, x, attention, core, of_latents);
      },
      [&](std::int64_t layer, const std::string& at, const forward::Matrix& x) {
        return mixtures.at(layer) ? forward::separate_mixture(run, at, x, routing) : forward::separate_gated(run, at, x);
      });
}

// Where transformers and Megatron-Core do not compute the same of the same weights, what is compared is transformers' model.
void forward_megatron_model(const Config& c, const Forward& run, Generation generation) {
  const bool v3 = generation == Generation::v3;
  const forward::MegatronExtras extras{.group_best = v3 ? 2 : 1, .widened_attention = v3};
  const auto groups = c.integer("moe_router_group_topk", 0), chosen = c.integer("moe_router_topk", 2);
  if (groups > 0 && c.integer("moe_router_num_groups", 1) > 1 && chosen / groups != extras.group_best)
    run.note("Megatron-Core ranks groups of experts by the sum of their best " + std::to_string(chosen / groups) + ", transformers by that of their best " +
             std::to_string(extras.group_best) + ", which is what is compared");
  if (!v3 && forward::yarn_scale(c.number("rotary_scaling_factor", 40), c.number("mscale_all_dim", 0)) != 1)
    run.note("Megatron-Core scales attention by mscale_all_dim, transformers does not for DeepSeek V2, which is what is compared");
  if (!c.has("q_lora_rank"))
    run.note("Megatron-Core 0.19 normalises the input of linear_q_proj once more, transformers does not, which is what is compared");
  forward::megatron_gpt(c, run, extras);
}

struct V2 {
  static constexpr std::string_view id = "deepseek_v2";
  static constexpr std::string_view architectures[] = {"DeepseekV2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"deepseek_v2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes, Generation::v2);
    megatron.set("moe_aux_loss_coeff", hf.number("aux_loss_alpha", 0.0));
    megatron.set("make_vocab_size_divisible_by", 3200);
    megatron.set("seq_length", 4096);  // what it was trained with
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, Generation::v2); }
  static bool recognises(const Config& megatron) { return is_of(megatron, Generation::v2); }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Generation::v2); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run, Generation::v2); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward_megatron_model(megatron, run, Generation::v2); }
};

struct V3 {
  static constexpr std::string_view id = "deepseek_v3";
  static constexpr std::string_view architectures[] = {"DeepseekV3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"deepseek_v3"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes, Generation::v3);
    megatron.set("moe_aux_loss_coeff", hf.number("aux_loss_alpha", 1e-4));
    megatron.set("make_vocab_size_divisible_by", 1280);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, Generation::v3); }
  static bool recognises(const Config& megatron) { return is_of(megatron, Generation::v3); }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Generation::v3); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run, Generation::v3); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward_megatron_model(megatron, run, Generation::v3); }
};

// Published checkpoints of Kimi K2 call themselves DeepseekV3ForCausalLM, which is what a Megatron checkpoint becomes again.
struct KimiK2 {
  static constexpr std::string_view id = "kimi_k2";
  static constexpr std::string_view architectures[] = {"KimiK2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"kimi_k2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    V3::to_megatron(hf, megatron, notes);
    megatron.set("moe_aux_loss_coeff", 1e-3);
    megatron.set("seq_length", 4096);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes notes) { V3::to_hugging_face(megatron, hf, notes); }
  static void equations(const Config& c, Model& model) { V3::equations(c, model); }
  static void forward_hugging_face(const Config& c, Forward& run) { V3::forward_hugging_face(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { V3::forward_megatron(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<V2, V3, KimiK2>("deepseek", "1.0.0"); }
