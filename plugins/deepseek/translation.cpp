// DeepSeek's configuration, both ways.

#include <weighbridge/latent_attention_translation.hpp>
#include <weighbridge/layer_specification.hpp>
#include <weighbridge/mixture_translation.hpp>
#include <weighbridge/prediction.hpp>

#include <string>
#include <string_view>

#include "generations.hpp"

namespace deepseek {
namespace {

constexpr Field kIndexer[] = {
    integer_field("index_n_heads", "dsa_indexer_n_heads", 64),
    integer_field("index_head_dim", "dsa_indexer_head_dim", 128),
    integer_field("index_topk", "dsa_indexer_topk", 2048),
};

// What Megatron-Bridge says of all of them.
void block_to_megatron(const Config& megatron, Generation generation) {
  megatron.set("_target_", "megatron.bridge.models.mla_provider.MLAModelProvider");
  if (generation == Generation::v32) layers_of_an_attention_variant(megatron);
  else layers_made_one_by_one(megatron);
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
  megatron.set("moe_router_enable_expert_bias", generation != Generation::v2);
  // Megatron-Core makes the weights of the chosen experts sum to 1 with sigmoid scores, and leaves them with softmax.
  const bool sums = generation != Generation::v2;
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
  if (generation != Generation::v2) {
    megatron.set("moe_router_num_groups", hf.integer("n_group", 8));
    megatron.set("moe_router_group_topk", hf.integer("topk_group", 4));
  } else if (hf.has("n_group")) {
    megatron.set("moe_router_num_groups", hf.integer("n_group"));
    megatron.set("moe_router_group_topk", hf.integer("topk_group"));
  }
  mixture_layers_to_megatron(mixture_layers_of(hf, d.first_dense), hf.integer("num_hidden_layers"), megatron);
}

// Megatron-Bridge has no V3.2; this is what it says of GLM 5, whose attention is the same, with the indexer's own numbers.
void indexer_to_megatron(const Config& hf, const Config& megatron) {
  mla::sparse_attention_to_megatron(megatron);
  to_megatron(kIndexer, hf, megatron);
  if (hf.flag("indexer_rope_interleave")) throw Failure("indexer_rope_interleave is true; the indexer of DeepSeek V3.2 turns halves of a head");
  megatron.set("dsa_indexer_rope_interleaved", false);
}

// transformers' newer files name the kind of every layer, too.
void check_layer_types(const Config& hf, const MixtureLayers& mixtures) {
  const auto check = [&](const char* list, auto&& expected) {
    const auto count = hf.find_count(list).value_or(0);
    for (std::int64_t i = 0; i < count; ++i)
      if (const auto type = hf.string(Config::at(list, i), ""); type != expected(i))
        throw Failure(Config::at(list, i) + " is " + type + "; first_k_dense_replace and the architecture make it " + expected(i));
  };
  check("mlp_layer_types", [&](std::int64_t i) { return std::string{mixtures.at(i) ? "sparse" : "dense"}; });
  check("layer_types", [](std::int64_t) { return std::string{"deepseek_sparse_attention"}; });
}

}  // namespace

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, Generation generation) {
  block_to_megatron(megatron, generation);
  to_megatron(kDecoderFields, hf, megatron);
  mla::attention_to_megatron(hf, megatron, of(generation).context);
  mla::rope_to_megatron(hf, megatron);
  experts_to_megatron(hf, megatron, notes, generation);
  dtype_to_megatron(hf, megatron);
  if (generation == Generation::v32) {
    indexer_to_megatron(hf, megatron);
    check_layer_types(hf, mixture_layers_of(hf, of(generation).first_dense));
  }
  prediction_layers_to_megatron(hf, megatron, notes);
  if (!mla::query_rank(hf)) mla::tell_query_norm(notes);
}

void config_to_hugging_face(const Config& megatron, const Config& hf, Generation generation) {
  to_hugging_face(kDecoderFields, megatron, hf);
  mla::attention_to_hugging_face(megatron, hf);
  mla::rope_to_hugging_face(megatron, hf);
  mixture_layers_to_hugging_face(megatron, hf);
  dtype_to_hugging_face(megatron, hf);

  const auto width = megatron.integer("moe_ffn_hidden_size"), shared = shared_experts_of_megatron(megatron, width);
  const auto groups = megatron.integer("moe_router_num_groups", 1);
  hf.set("n_routed_experts", megatron.integer("num_moe_experts"));
  hf.set("num_experts_per_tok", megatron.integer("moe_router_topk"));
  hf.set("moe_intermediate_size", width);
  if (shared > 0) hf.set("n_shared_experts", shared);
  else hf.set_null("n_shared_experts");
  hf.set("routed_scaling_factor", megatron.number("moe_router_topk_scaling_factor", 1.0));
  hf.set("n_group", groups);
  hf.set("topk_group", megatron.integer("moe_router_group_topk", 1));
  hf.set("topk_method", generation != Generation::v2 ? "noaux_tc" : groups > 1 ? "group_limited_greedy" : "greedy");
  hf.set("scoring_func", generation != Generation::v2 ? "sigmoid" : "softmax");
  hf.set("norm_topk_prob", generation != Generation::v2);
  hf.set("aux_loss_alpha", megatron.number("moe_aux_loss_coeff", 0.0));
  hf.set("seq_aux", true);
  hf.set("ep_size", 1);
  hf.set("pretraining_tp", 1);
  if (generation != Generation::v2) hf.set("num_nextn_predict_layers", megatron.integer("mtp_num_layers", 0));
  if (generation == Generation::v32) {
    to_hugging_face(kIndexer, megatron, hf);
    hf.set("head_dim", megatron.integer("qk_pos_emb_head_dim", 64));
  }
}

// Latent attention and a mixture as these families have them; attention and scores tell the generations apart. Sparse attention
// that is not scaled, or whose indexer turns neighbours, is GLM's.
bool is_of(const Config& megatron, Generation generation) {
  if (generation == Generation::v32
          ? megatron.string("experimental_attention_variant", "") != "dsa" || megatron.flag("dsa_indexer_rope_interleaved") ||
                megatron.number("rotary_scaling_factor", 40.0) == 1.0
          : megatron.has("experimental_attention_variant"))
    return false;
  return megatron.flag("multi_latent_attention") && megatron.has("num_moe_experts") && megatron.flag("gated_linear_unit") &&
         (names_no_builder(megatron) || is_built_by(megatron, "MLAModelProvider")) &&
         megatron.number("moe_router_bias_update_rate", 1e-3) != 0 &&  // GLM-4.7-Flash freezes its bias
         megatron.flag("moe_router_enable_expert_bias") == (generation != Generation::v2) &&
         megatron.string("moe_router_score_function", "softmax") == (generation != Generation::v2 ? "sigmoid" : "softmax");
}

}  // namespace deepseek
