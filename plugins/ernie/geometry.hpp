#pragma once
// What config.json says of ERNIE 4.5. Where it leaves something out, its config class's default counts.

#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ernie {

using namespace weighbridge;

inline constexpr std::int64_t kGroups = 4, kContext = 131072, kChosen = 6;
inline constexpr auto kRope = yarn_alone(500000.0);
inline constexpr double kEpsilon = 1e-5;

struct Geometry {
  GroupedAttention attention;
  std::int64_t ffn{}, experts{}, expert_width{}, shared_width{};  // shared_width 0: no shared experts
  std::vector<bool> mixtures;                                     // of each layer, whether it is one
  bool tied{};
};

// A number, or a list of one, as files say that share a format with models of several kinds of experts.
inline std::int64_t only(const Config& hf, std::string_view field, std::int64_t otherwise) {
  const auto first = Config::at(field, 0);
  if (!hf.has(first)) return hf.integer(field, otherwise);
  for (std::int64_t i = 1; i < *hf.find_count(field); ++i)
    if (hf.integer(Config::at(field, i)) != hf.integer(first))
      throw Failure(std::string{field} + " lists several kinds of experts; a model of text has one");
  return hf.integer(first);
}

// Newer files list the kind of every layer; older ones say that from a layer on to another every so many are mixtures.
inline std::vector<bool> mixtures_of(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers");
  const auto start = only(hf, "moe_layer_start_index", 1), stated_end = only(hf, "moe_layer_end_index", -1), every = hf.integer("moe_layer_interval", 1);
  const auto end = stated_end == -1 ? layers - 1 : stated_end;
  if (every < 1) throw Failure("moe_layer_interval is " + std::to_string(every) + "; it counts layers, from 1 on");
  const auto kinds = hf.find_count("mlp_layer_types");
  if (kinds && *kinds < layers) throw Failure("mlp_layer_types lists " + std::to_string(*kinds) + " layers of " + std::to_string(layers));
  std::vector<bool> mixtures;
  for (std::int64_t i = 0; i < layers; ++i)
    mixtures.push_back(kinds ? hf.string(Config::at("mlp_layer_types", i), "") != "dense" : (i + 1) % every == 0 && i >= start && i <= end);
  return mixtures;
}

inline Geometry geometry_of(const Config& hf) {
  Geometry g;
  const auto heads = attention_heads(hf);
  g.attention = {hf.integer("hidden_size"), heads, hf.is_null("num_key_value_heads") ? heads : hf.integer("num_key_value_heads", kGroups), head_width(hf)};
  g.ffn = hf.integer("intermediate_size");
  g.experts = only(hf, "moe_num_experts", hf.integer("num_experts", 64));
  g.expert_width = only(hf, "moe_intermediate_size", 1536);
  g.shared_width = hf.integer("moe_num_shared_experts", 2) * g.expert_width;
  g.mixtures = mixtures_of(hf);
  g.tied = hf.flag("tie_word_embeddings", true);
  return g;
}

}  // namespace ernie
