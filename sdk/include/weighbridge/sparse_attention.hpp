#pragma once
// The indexer of sparse latent attention: it selects the tokens that a token sees.
//
//   q = Wq_b latent of the queries, heads of [rope | rest] rows;  k = LayerNorm(Wk norm(x)), one for all heads
//   score of a token = sum over heads of (Wweights norm(x))_h * relu(q_h k)
//
// The order of rows is the same on both sides.

#include <weighbridge/latent_attention.hpp>
#include <weighbridge/model.hpp>

#include <cstdint>

namespace weighbridge {
inline namespace sdk_v1 {
namespace mla {

struct Indexer {
  std::int64_t heads{}, width{};
};

// Of a layer whose attention is `a`. The latents' norms are then modules of their own (LatentNorms::apart).
inline void indexer(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Attention& a, const Indexer& i) {
  const auto inner = layer.under("self_attention.core_attention.indexer.");
  inner["linear_wq_b.weight"] = duplicated(hf("self_attn.indexer.wq_b.weight", {i.heads * i.width, a.query_rank.value_or(a.hidden)}));
  inner["linear_wk.weight"] = duplicated(hf("self_attn.indexer.wk.weight", {i.width, a.hidden}));
  inner["k_norm.weight"] = norm(hf("self_attn.indexer.k_norm.weight", {i.width}));
  inner["k_norm.bias"] = replicated(hf("self_attn.indexer.k_norm.bias", {i.width}));
  inner["linear_weights_proj.weight"] = duplicated(hf("self_attn.indexer.weights_proj.weight", {i.heads, a.hidden}));
}

}  // namespace mla
}  // namespace sdk_v1
}  // namespace weighbridge
