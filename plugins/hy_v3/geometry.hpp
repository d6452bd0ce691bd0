#pragma once
// What config.json says of HY V3. Where it leaves something out, its config class's default counts.

#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace hy_v3 {

using namespace weighbridge;

inline constexpr std::int64_t kGroups = 8, kContext = 131072;
inline constexpr auto kRope = yarn_alone(11158840.0);
inline constexpr double kScale = 2.826, kEpsilon = 1e-5;

// How router, its bias and the shared experts are called: in published files, and by transformers' own model.
struct Names {
  const char *router, *bias, *shared;
};
inline constexpr Names kPublished{"mlp.router.gate.weight", "mlp.expert_bias", "mlp.shared_mlp."},
    kOfTransformers{"mlp.gate.weight", "mlp.e_score_correction_bias", "mlp.shared_experts."};

struct Geometry {
  GroupedAttention attention;
  std::int64_t ffn{}, experts{}, expert_width{}, shared_width{};  // shared_width 0: no shared experts
  std::vector<bool> mixtures;                                     // of each layer, whether it is one
};

// Newer files list the kind of every layer, older ones say how many dense ones come first.
inline std::vector<bool> mixtures_of(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers"), first = hf.integer("first_k_dense_replace", 1);
  if (layers < 0 || first < 0) throw Failure("num_hidden_layers and first_k_dense_replace count layers, from 0 on");
  const auto kinds = hf.find_count("mlp_layer_types");
  if (kinds && *kinds < layers)
    throw Failure("mlp_layer_types lists " + std::to_string(*kinds) + " layers of " + std::to_string(layers));
  std::vector<bool> mixtures;
  for (std::int64_t i = 0; i < layers; ++i) {
    const auto kind = kinds ? hf.string(Config::at("mlp_layer_types", i), "") : i < first ? "dense" : "sparse";
    if (kind != "dense" && kind != "sparse") throw Failure(Config::at("mlp_layer_types", i) + " is " + kind + "; dense and sparse are known");
    mixtures.push_back(kind == "sparse");
  }
  return mixtures;
}

inline Geometry geometry_of(const Config& hf) {
  Geometry g;
  const auto heads = attention_heads(hf), hidden = hf.integer("hidden_size");
  g.attention = {hidden, heads, hf.integer("num_key_value_heads", kGroups), hf.is_null("head_dim") ? hidden / heads : hf.integer("head_dim", 128)};
  g.ffn = hf.integer("intermediate_size");
  g.experts = hf.integer("num_experts", hf.integer("num_local_experts", 192));
  g.expert_width = hf.integer("moe_intermediate_size", hf.integer("expert_hidden_dim", 1536));
  g.shared_width = hf.is_null("num_shared_experts") ? 0 : hf.integer("num_shared_experts", 1) * g.expert_width;
  g.mixtures = mixtures_of(hf);
  return g;
}

}  // namespace hy_v3
