// The configuration of the decoder and its mixtures, both ways. Megatron-Bridge's providers hold many numbers of the two published
// models as constants; here they are read, so that another model of these architectures is not taken for one of those.

#include "mixture.hpp"

#include <weighbridge/layer_specification.hpp>
#include <weighbridge/mixture_translation.hpp>

namespace sarvam {
namespace {

constexpr double kInitialisation = 0.006;  // the provider's standard deviation, whatever config.json says

}  // namespace

void decoder_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, std::string_view provider) {
  megatron.set("_target_", "megatron.bridge.models.sarvam.sarvam_provider." + std::string{provider});
  layers_made_one_by_one(megatron);
  megatron.set("transformer_layer_spec.normalization", "RMSNorm");
  megatron.set_null("transformer_layer_spec.vp_stage");
  dense_decoder(megatron);
  to_megatron(kDecoderFields, hf, megatron);
  dtype_to_megatron(hf, megatron);
  megatron.set("init_method_std", kInitialisation);
  if (hf.number("initializer_range", kInitialisation) != kInitialisation)
    notes("initializer_range is not 0.006, with which Megatron-Bridge makes Sarvam's models; init_method_std says 0.006, and exporting with this "
          "checkpoint as --hf-model keeps the number");
  megatron.set("attention_softmax_in_fp32", true);
  megatron.set("persist_layer_norm", true);
  megatron.set("cross_entropy_fusion_impl", "te");
  megatron.set("cp_comm_type", "p2p");
  megatron.set("recompute_granularity", "selective");
  for (const auto* dropout : {"embedding_dropout", "output_dropout"})
    if (hf.number(dropout, 0.0) != 0.0) throw Failure(std::string{dropout} + " is not 0; Megatron's hidden_dropout is another one");
}

void decoder_to_hugging_face(const Config& megatron, const Config& hf, std::string_view module, std::string_view class_name) {
  to_hugging_face(kDecoderFields, megatron, hf);
  dtype_to_hugging_face(megatron, hf);
  const std::string name{class_name};
  hf.set("auto_map.AutoConfig", "configuration_" + std::string{module} + "." + name + "Config");
  hf.set("auto_map.AutoModelForCausalLM", "modeling_" + std::string{module} + "." + name + "ForCausalLM");
}

void mixture_to_megatron(const Config& hf, const Config& megatron, const Groups& groups) {
  const auto m = mixture_of(hf);
  if (const auto score = hf.string("score_function", hf.string("scoring_func", "sigmoid")); score != "sigmoid")
    throw Failure("score_function is " + score + "; experts of this architecture are scored by sigmoid");
  if (!hf.flag("norm_topk_prob", true)) throw Failure("norm_topk_prob is false; Megatron-Core makes the weights of the chosen experts add up to one");
  if (const auto every = hf.integer("moe_layer_freq", 1); every != 1)
    throw Failure("moe_layer_freq is " + std::to_string(every) + "; every layer of Sarvam behind the first dense ones is a mixture");
  megatron.set("num_moe_experts", m.experts);
  megatron.set("moe_router_topk", m.chosen);
  megatron.set("moe_ffn_hidden_size", m.width);
  if (m.shared > 0) megatron.set("moe_shared_expert_intermediate_size", m.shared * m.width);
  else megatron.set_null("moe_shared_expert_intermediate_size");
  megatron.set("moe_shared_expert_overlap", false);
  mixture_layers_to_megatron({.first = m.first}, hf.integer("num_hidden_layers"), megatron);
  megatron.set("moe_router_topk_scaling_factor", m.scale);
  megatron.set("moe_router_score_function", "sigmoid");
  megatron.set("moe_router_enable_expert_bias", m.bias);
  megatron.set("moe_router_bias_update_rate", 1e-3);
  megatron.set("moe_router_pre_softmax", true);
  megatron.set("moe_router_dtype", "fp32");
  megatron.set("moe_aux_loss_coeff", 0);
  megatron.set("moe_grouped_gemm", true);
  megatron.set("moe_permute_fusion", true);
  megatron.set("moe_token_dispatcher_type", "alltoall");
  // Megatron-Bridge leaves groups out, and Megatron would then choose among all experts.
  if (groups.count > 1) {
    if (m.experts % groups.count != 0 || groups.chosen < 1 || groups.chosen > groups.count)
      throw Failure("n_group is " + std::to_string(groups.count) + " and topk_group " + std::to_string(groups.chosen) + ", which do not fit " +
                    std::to_string(m.experts) + " experts");
    megatron.set("moe_router_num_groups", groups.count);
    megatron.set("moe_router_group_topk", groups.chosen);
  }
}

void mixture_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto width = megatron.integer("moe_ffn_hidden_size"), shared = shared_experts_of_megatron(megatron, width);
  const auto layers = megatron.integer("num_layers");
  const bool listed = megatron.has(Config::at("moe_layer_freq", 0));
  const auto every = listed ? 1 : megatron.integer("moe_layer_freq", 1);
  if (every != 1) throw Failure("moe_layer_freq is " + std::to_string(every) + "; Sarvam's mixtures lie behind the first dense layers without a gap");
  std::int64_t first = 0;
  while (listed && first < layers && megatron.integer(Config::at("moe_layer_freq", first)) == 0) ++first;
  for (auto i = first; listed && i < layers; ++i)
    if (megatron.integer(Config::at("moe_layer_freq", i)) == 0)
      throw Failure("moe_layer_freq: layer " + std::to_string(i) + " is dense behind a mixture; first_k_dense_replace of config.json cannot say so");
  hf.set("first_k_dense_replace", first);
  hf.set("num_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", width);
  if (shared > 0) hf.set("num_shared_experts", shared);
  else hf.set_null("num_shared_experts");
  hf.set("routed_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("moe_router_enable_expert_bias", megatron.flag("moe_router_enable_expert_bias"));
  hf.set("score_function", "sigmoid");
  hf.set("norm_topk_prob", true);
  hf.set("n_group", megatron.integer("moe_router_num_groups", 1));
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set("output_router_logits", false);
}

}  // namespace sarvam
