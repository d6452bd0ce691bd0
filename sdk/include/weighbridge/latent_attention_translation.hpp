#pragma once
// The configuration of latent attention and of its rotary embedding, both ways.

#include <weighbridge/latent_attention.hpp>
#include <weighbridge/translation.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weighbridge {
inline namespace sdk_v1 {
namespace mla {

// What a config class takes for granted where config.json says nothing. These numbers are the most common ones, and those of
// Megatron-Core.
struct Defaults {
  std::int64_t query_rank{1536}, rank{512}, nope{128}, rope{64}, value{128};
};

// null says that queries have no low rank; nothing says the class's default.
inline std::optional<std::int64_t> query_rank(const Config& hf, const Defaults& defaults = {}) {
  if (hf.is_null("q_lora_rank")) return std::nullopt;
  return hf.integer("q_lora_rank", defaults.query_rank);
}

inline Attention attention_of(const Config& hf, const Defaults& defaults = {}) {
  return {hf.integer("hidden_size"), hf.integer("num_attention_heads"), query_rank(hf, defaults), hf.integer("kv_lora_rank", defaults.rank),
          hf.integer("qk_nope_head_dim", defaults.nope), hf.integer("qk_rope_head_dim", defaults.rope), hf.integer("v_head_dim", defaults.value)};
}

inline void attention_to_megatron(const Config& hf, const Config& megatron, std::int64_t default_context, const Defaults& defaults = {}) {
  sdk_v1::attention_to_megatron(hf, megatron, 0, default_context);
  megatron.set("multi_latent_attention", true);
  megatron.set("qk_layernorm", true);
  const auto a = attention_of(hf, defaults);
  megatron.set("kv_channels", a.rope);  // has no meaning here; what Megatron-Bridge takes for head_dim
  megatron.set("kv_lora_rank", a.rank);
  megatron.set("qk_head_dim", a.nope);
  megatron.set("qk_pos_emb_head_dim", a.rope);
  megatron.set("v_head_dim", a.value);
  if (a.query_rank) megatron.set("q_lora_rank", *a.query_rank);
  else megatron.set_null("q_lora_rank");  // Megatron-Core's default is 512
  for (const auto* bias : {"attention_bias", "mlp_bias"})
    if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; the projections of Megatron's latent attention have no biases");
  if (!hf.flag("rope_interleave", true)) throw Failure("rope_interleave is false; Megatron's latent attention turns neighbouring rows");
}

inline void attention_to_hugging_face(const Config& megatron, const Config& hf) {
  constexpr Defaults defaults;
  hf.set("kv_lora_rank", megatron.integer("kv_lora_rank", defaults.rank));
  hf.set("qk_nope_head_dim", megatron.integer("qk_head_dim", defaults.nope));
  hf.set("qk_rope_head_dim", megatron.integer("qk_pos_emb_head_dim", defaults.rope));
  hf.set("v_head_dim", megatron.integer("v_head_dim", defaults.value));
  if (const auto rank = megatron.find_integer("q_lora_rank")) hf.set("q_lora_rank", *rank);
  else hf.set_null("q_lora_rank");
  const auto heads = megatron.integer("num_attention_heads");
  hf.set("num_key_value_heads", megatron.integer("num_query_groups", heads));
  hf.set("attention_bias", false);
  hf.set("hidden_act", "silu");
  hf.set("use_cache", true);
}

inline void tell_query_norm(const Notes& notes) {
  notes("q_lora_rank is null: Megatron-Core 0.19 puts a norm of its own before linear_q_proj, which this model does not have, and "
        "computes other queries than Hugging Face");
}

// Sparse attention: all but the sizes of its indexer, and what that turns.
inline void sparse_attention_to_megatron(const Config& megatron) {
  megatron.set("experimental_attention_variant", "dsa");
  megatron.set("cp_comm_type", "allgather");
  megatron.set("dsa_indexer_rotate_activation", false);
  megatron.set("dsa_indexer_k_norm_epsilon", 1e-6);
  megatron.set("dsa_indexer_loss_coeff", 0.001);
  megatron.set("dsa_indexer_use_sparse_loss", true);
}

// YaRN under the names that it has in latent attention. `position_embedding_type` stays "rope" there.
inline constexpr std::pair<std::string_view, std::string_view> kYarn[] = {
    {"factor", "rotary_scaling_factor"}, {"original_max_position_embeddings", "original_max_position_embeddings"},
    {"beta_fast", "beta_fast"}, {"beta_slow", "beta_slow"}, {"mscale", "mscale"}, {"mscale_all_dim", "mscale_all_dim"}};

inline void rope_to_megatron(const Config& hf, const Config& megatron) {
  const auto rope = rope_of(hf, 10000.0);
  megatron.set("rotary_base", rope.theta);
  for (const auto* stated : {"rope_parameters.rope_theta", "rope_theta"}) megatron.copy("rotary_base", hf, stated);
  if (rope.type == "yarn") {
    if (!hf.has(rope.at + ".factor")) throw Failure(rope.at + ".factor is missing; YaRN needs it");
    if (!hf.flag(rope.at + ".truncate", true)) throw Failure(rope.at + ".truncate is false; Megatron's latent attention always truncates");
    // What is not said of the original length is that of the model.
    megatron.copy("original_max_position_embeddings", hf, "max_position_embeddings");
    for (const auto& [theirs, ours] : kYarn) megatron.copy(ours, hf, rope.at + "." + std::string{theirs});
  } else if (rope.type == "default") {
    megatron.set("rotary_scaling_factor", 1.0);  // Megatron-Core's own defaults are a YaRN of 40
    megatron.set("mscale_all_dim", 1.0);
  } else {
    throw Failure(rope.at + " is of type " + rope.type + "; Megatron's latent attention computes default and yarn");
  }
}

inline void rope_to_hugging_face(const Config& megatron, const Config& hf) {
  hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  const auto factor = megatron.number("rotary_scaling_factor", 40.0);
  const auto original = megatron.integer("original_max_position_embeddings", 4096);
  const auto context = megatron.integer("seq_length", original);
  if (factor == 1.0 || megatron.string("rope_type", "yarn") != "yarn") {
    hf.set_null("rope_scaling");
    hf.set("max_position_embeddings", context);
    return;
  }
  // seq_length may be that of a training run, but YaRN was made for so many positions.
  hf.set("max_position_embeddings", std::max(context, static_cast<std::int64_t>(factor * static_cast<double>(original))));
  hf.set("rope_scaling.type", "yarn");
  hf.set("rope_scaling.factor", factor);
  hf.set("rope_scaling.original_max_position_embeddings", original);
  hf.set("rope_scaling.beta_fast", megatron.number("beta_fast", 32.0));
  hf.set("rope_scaling.beta_slow", megatron.number("beta_slow", 1.0));
  hf.set("rope_scaling.mscale", megatron.number("mscale", 1.0));
  hf.set("rope_scaling.mscale_all_dim", megatron.number("mscale_all_dim", 0.0));
}

}  // namespace mla
}  // namespace sdk_v1
}  // namespace weighbridge
