#pragma once
// The configuration of latent attention and of its mixture of experts, both ways.

#include <weighbridge/translation.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "mla.hpp"

namespace weighbridge::mla {

// Widths that a config.json leaves out are those of the published models, in every config class.
inline constexpr Field kFields[] = {
    integer_field("kv_lora_rank", "kv_lora_rank", 512),
    integer_field("qk_nope_head_dim", "qk_head_dim", 128),
    integer_field("qk_rope_head_dim", "qk_pos_emb_head_dim", 64),
    integer_field("v_head_dim", "v_head_dim", 128),
};

// null says that queries have no low rank; nothing says the class's default.
inline std::optional<std::int64_t> query_rank(const Config& hf) {
  if (hf.is_null("q_lora_rank")) return std::nullopt;
  return hf.integer("q_lora_rank", 1536);
}

inline Attention attention_of(const Config& hf) {
  return {hf.integer("hidden_size"), hf.integer("num_attention_heads"), query_rank(hf), hf.integer("kv_lora_rank", 512),
          hf.integer("qk_nope_head_dim", 128), hf.integer("qk_rope_head_dim", 64), hf.integer("v_head_dim", 128)};
}

inline void attention_to_megatron(const Config& hf, const Config& megatron, std::int64_t default_context) {
  weighbridge::attention_to_megatron(hf, megatron, 0, default_context);
  megatron.set("multi_latent_attention", true);
  megatron.set("qk_layernorm", true);
  megatron.set("kv_channels", hf.integer("qk_rope_head_dim", 64));  // has no meaning here; what Megatron-Bridge takes for head_dim
  to_megatron(kFields, hf, megatron);
  if (const auto rank = query_rank(hf)) megatron.set("q_lora_rank", *rank);
  else megatron.set_null("q_lora_rank");  // Megatron-Core's default is 512
  for (const auto* bias : {"attention_bias", "mlp_bias"})
    if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; the projections of Megatron's latent attention have no biases");
  if (!hf.flag("rope_interleave", true)) throw Failure("rope_interleave is false; Megatron's latent attention turns neighbouring rows");
}

inline void attention_to_hugging_face(const Config& megatron, const Config& hf) {
  to_hugging_face(kFields, megatron, hf);
  if (const auto rank = megatron.find_integer("q_lora_rank")) hf.set("q_lora_rank", *rank);
  else hf.set_null("q_lora_rank");
  const auto heads = megatron.integer("num_attention_heads");
  hf.set("num_key_value_heads", megatron.integer("num_query_groups", heads));
  hf.set("attention_bias", false);
  hf.set("hidden_act", "silu");
  hf.set("use_cache", true);
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

// Which layers are mixtures: from layer `first` on every `every`-th, counted from layer 0.
struct Mixtures {
  std::int64_t first{}, every{1};
  bool at(std::int64_t layer) const { return layer >= first && layer % every == 0; }
};

inline Mixtures mixtures_of(const Config& hf, std::int64_t default_first) {
  const Mixtures mixtures{hf.integer("first_k_dense_replace", default_first), hf.integer("moe_layer_freq", 1)};
  if (mixtures.every < 1) throw Failure("moe_layer_freq is " + std::to_string(mixtures.every) + "; it counts layers, from 1 on");
  return mixtures;
}

inline void mixtures_to_megatron(const Mixtures& mixtures, std::int64_t layers, const Config& megatron) {
  megatron.set_list("moe_layer_freq");
  for (std::int64_t i = 0; i < layers; ++i) megatron.set(Config::at("moe_layer_freq", i), mixtures.at(i) ? 1 : 0);
}

inline void mixtures_to_hugging_face(const Config& megatron, const Config& hf) {
  const auto layers = megatron.integer("num_layers");
  const bool listed = megatron.has("moe_layer_freq.0");
  const Mixtures stated{0, listed ? 1 : megatron.integer("moe_layer_freq", 1)};  // a number: every so many layers
  const auto at = [&](std::int64_t i) { return listed ? megatron.integer(Config::at("moe_layer_freq", i)) != 0 : stated.at(i); };
  Mixtures found;
  while (found.first < layers && !at(found.first)) ++found.first;
  const auto fits = [&] {
    for (std::int64_t i = 0; i < layers; ++i)
      if (found.at(i) != at(i)) return false;
    return true;
  };
  while (found.every <= layers && !fits()) ++found.every;
  if (!fits()) throw Failure("moe_layer_freq: no first_k_dense_replace and moe_layer_freq of config.json give these mixture layers");
  hf.set("first_k_dense_replace", found.first);
  hf.set("moe_layer_freq", found.every);
}

}  // namespace weighbridge::mla
