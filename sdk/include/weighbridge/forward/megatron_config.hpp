#pragma once
// What a Megatron document says of a layer, as Megatron-Core reads its TransformerConfig.

#include <weighbridge/config.hpp>
#include <weighbridge/forward/activation.hpp>
#include <weighbridge/forward/attention.hpp>
#include <weighbridge/forward/mixture.hpp>
#include <weighbridge/forward/norms.hpp>
#include <weighbridge/forward/rotary.hpp>

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// What classes derived from GPTModel add, and where the model computes otherwise than Megatron-Core: then the family says so
// with a note.
struct MegatronExtras {
  float embedding_scale{1};
  float logit_cap{};
  std::int64_t group_best{};     // of Routing, instead of chosen experts / chosen groups
  std::optional<Score> score{};  // of Routing, instead of moe_router_score_function; the chosen ones then add up to one
  bool widened_attention{true};  // whether YaRN scales the products of latent attention
  std::optional<float> latent_epsilon{};  // of the norms of latent attention's latents, instead of layernorm_epsilon
  std::optional<Pairs> indexer_pairs{};  // what positions turn in an indexer, instead of dsa_indexer_rope_interleaved
  // By layer, instead of activation_func_clamp_value: of dense MLPs and routed experts, of shared ones. 0: none.
  std::vector<float> clamps{}, shared_clamps{};
};

inline std::optional<float> clamp_of(const std::vector<float>& clamps, std::int64_t layer) {
  if (layer < 0 || layer >= static_cast<std::int64_t>(clamps.size())) return std::nullopt;
  return clamps[static_cast<std::size_t>(layer)];
}

// Whether a list says 1 of a layer, counted from nought; nothing where the field is no list.
inline std::optional<bool> listed(const Config& c, std::string_view field, std::int64_t layer) {
  if (!c.has(Config::at(field, 0))) return std::nullopt;
  return c.truth(Config::at(field, layer));
}

// A list says which layers have a window; a number n that every n-th has none; nothing that all have.
inline bool has_window(const Config& c, std::int64_t layer) {
  if (const auto said = listed(c, "window_attn_skip_freq", layer)) return *said;
  const auto every = c.integer("window_attn_skip_freq", 0);
  return every == 0 || (layer + 1) % every != 0;
}

// A list says which layers are told no positions; a number n that every n-th is not.
inline bool has_positions(const Config& c, std::int64_t layer) {
  if (const auto said = listed(c, "no_rope_freq", layer)) return !*said;
  const auto every = c.integer("no_rope_freq", 0);
  return every == 0 || (layer + 1) % every != 0;
}

inline Norm megatron_norm(const Config& c) {
  return {.epsilon = static_cast<float>(c.number("layernorm_epsilon", 1e-5)), .offset = c.flag("layernorm_zero_centered_gamma") ? 1.0F : 0.0F};
}

inline std::int64_t positive(const Config& c, std::string_view field, std::int64_t otherwise) {
  const auto value = c.integer(field, otherwise);
  if (value < 1) throw Failure(std::string{field} + " is " + std::to_string(value) + "; it should be 1 or more");
  return value;
}
inline std::int64_t megatron_heads(const Config& c) { return positive(c, "num_attention_heads", 0); }
inline std::int64_t megatron_width(const Config& c) { return positive(c, "kv_channels", c.integer("hidden_size") / megatron_heads(c)); }

// Positions of a head of `width` features, where the base is one number.
inline Rotary megatron_rotary(const Config& c, std::int64_t width) {
  const auto type = c.string("position_embedding_type", "learned_absolute");
  if (type == "none") return {};
  const auto pairs = c.flag("rotary_interleaved") ? Pairs::neighbours : Pairs::halves;
  const auto base = c.number("rotary_base", 10000);
  if (type == "yarn") {
    const auto factor = c.number("yarn_rotary_scaling_factor", 1);
    const Yarn yarn{factor, c.number("yarn_original_max_position_embeddings", 4096), c.number("yarn_beta_fast", 32),
                    c.number("yarn_beta_slow", 1), c.flag("yarn_correction_range_round_to_int", true)};
    const auto scale = c.find_number("yarn_mscale"), of_all = c.find_number("yarn_mscale_all_dim");
    return {yarn_frequencies(base, width, yarn),
            static_cast<float>(scale && of_all ? yarn_scale(factor, *scale) / yarn_scale(factor, *of_all) : yarn_scale(factor)), pairs};
  }
  if (type != "rope" && type != "mrope") throw Failure("position_embedding_type is " + type + "; the forward check computes rope, yarn and none");
  // mrope: time, height and width of text are one position.
  const auto share = c.number("rotary_percent", 1.0);
  auto frequencies = frequencies_of(base, share < 1.0 ? static_cast<std::int64_t>(static_cast<double>(width) * share) : width);
  // Both are built in: the length that was trained for, and the bounds of the blend.
  if (c.flag("rope_scaling")) frequencies = slowed_by_wavelength(std::move(frequencies), c.number("rope_scaling_factor", 8.0), 1, 4, 8192);
  if (const auto factor = c.find_number("seq_len_interpolation_factor")) frequencies = interpolated(std::move(frequencies), *factor);
  return {std::move(frequencies), 1, pairs};
}

// What a model of maximal update parametrization multiplies its embedding and its logits by.
struct MegatronMultipliers {
  float embedding{1}, logits{1};
};

inline MegatronMultipliers megatron_multipliers(const Config& c) {
  if (!c.flag("use_mup")) return {};
  const auto hidden = c.number("hidden_size"), base = c.number("mup_base_hidden_size", hidden), stated = c.number("mup_output_mult", 1);
  return {static_cast<float>(c.number("mup_embedding_mult", 1)), static_cast<float>(stated == 1 ? base / hidden : stated)};
}

inline double megatron_softmax_scale(const Config& c, std::int64_t width) {
  const auto features = static_cast<double>(width);
  const auto otherwise = c.flag("use_mup") ? std::sqrt(c.number("mup_base_head_dim", 1)) / std::pow(features, c.number("mup_attn_scale_power", 1))
                                           : 1.0 / std::sqrt(features);
  return c.number("softmax_scale", otherwise);
}

// How attention is computed in a layer, counted from nought.
struct MegatronAttention {
  Attention core;
  Rotary rotary;
  bool gated{};  // rows of queries have as many of a gate behind them
  float value_scale{1};
};

inline MegatronAttention megatron_attention(const Config& c, std::int64_t layer) {
  const auto width = megatron_width(c), heads = megatron_heads(c);
  MegatronAttention a;
  a.core = {.heads = heads, .groups = positive(c, "num_query_groups", heads), .width = width, .values = width,
            .scale = static_cast<float>(megatron_softmax_scale(c, width))};
  // (keys before the query, keys after it).
  if (c.has("window_size.0") && has_window(c, layer)) a.core.window = c.integer("window_size.0") + 1;
  if (!c.has("rotary_base.0") && has_positions(c, layer)) a.rotary = megatron_rotary(c, width);
  a.gated = c.flag("attention_output_gate");
  return a;
}

inline Gate megatron_gate(const Config& c, std::optional<float> clamp = std::nullopt) {
  return {.activation = activation_named(c.string("activation_func", "gelu")),
          .clamp = clamp ? *clamp : static_cast<float>(c.number("activation_func_clamp_value", 0)),
          .offset = static_cast<float>(c.number("glu_linear_offset", 0))};
}

inline Routing megatron_routing(const Config& c, const MegatronExtras& extras) {
  Routing routing;
  routing.chosen = positive(c, "moe_router_topk", 2);
  const auto score = c.string("moe_router_score_function", "softmax");
  if (score == "softmax") routing.score = c.flag("moe_router_pre_softmax") ? Score::softmax : Score::softmax_of_chosen;
  else if (score == "sigmoid") routing.score = Score::sigmoid;
  else throw Failure("moe_router_score_function is " + score + "; the forward check computes softmax and sigmoid");
  routing.normalised = routing.score == Score::sigmoid && routing.chosen > 1;
  if (extras.score) {
    routing.score = *extras.score;
    routing.normalised = true;
  }
  if (const auto factor = c.number("moe_router_topk_scaling_factor", 0); factor != 0) routing.scale = static_cast<float>(factor);
  if (const auto chosen = c.integer("moe_router_group_topk", 0); chosen > 0) {
    routing.groups = positive(c, "moe_router_num_groups", 1);
    routing.chosen_groups = chosen;
    routing.group_best = extras.group_best > 0 ? extras.group_best : routing.chosen / chosen;
  }
  return routing;
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
