#pragma once
// What config.json says of Bailing MoE V2. Where it leaves something out, its config class's default counts.

#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/rope_translation.hpp>
#include <weighbridge/translation.hpp>

#include <cstdint>
#include <vector>

namespace bailing {

using namespace weighbridge;

inline constexpr std::int64_t kGroups = 4, kContext = 32768;
inline constexpr auto kRope = yarn_alone(600000.0);

struct Geometry {
  GroupedAttention attention;
  std::int64_t ffn{}, experts{}, expert_width{}, shared_width{};  // shared_width 0: no shared experts
  bool norms{}, biases{}, tied{};                            // over the heads of q and k; in q, k and v; embedding and output layer
  std::vector<bool> mixtures;                                // of each layer, whether it is one
};

inline Geometry geometry_of(const Config& hf) {
  const auto layers = hf.integer("num_hidden_layers"), first = hf.integer("first_k_dense_replace", 1);
  if (layers < 0 || first < 0) throw Failure("num_hidden_layers and first_k_dense_replace count layers, from 0 on");
  Geometry g;
  const auto heads = attention_heads(hf), hidden = hf.integer("hidden_size");
  g.attention = {hidden, heads, hf.integer("num_key_value_heads", kGroups), hf.is_null("head_dim") ? hidden / heads : hf.integer("head_dim", 128)};
  g.ffn = hf.integer("intermediate_size");
  g.experts = hf.integer("num_experts", 256);
  g.expert_width = hf.integer("moe_intermediate_size", 512);
  g.shared_width = hf.is_null("num_shared_experts") ? 0 : hf.integer("num_shared_experts", 1) * g.expert_width;
  g.norms = hf.flag("use_qk_norm", true);
  g.biases = hf.flag("use_qkv_bias");
  g.tied = hf.flag("tie_word_embeddings");
  for (std::int64_t i = 0; i < layers; ++i) g.mixtures.push_back(i >= first);
  return g;
}

}  // namespace bailing
