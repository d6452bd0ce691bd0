#pragma once
// Multi-head latent attention: keys and values are made of one latent, and so may queries be of another.
//
//   q = Wq norm(x)                          or  Wq_b norm(Wq_a norm(x))             heads of [nope | rope] rows
//   [latent | k_rope] = Wkv_a norm(x),  [k_nope | v] = Wkv_b norm(latent)           k_rope is shared by all heads
//   x + Wo attention([q_nope | q_rope], [k_nope | k_rope], v)
//
// Rope rows are pairs side by side on both sides: nothing is permuted.

#include <weighbridge/model.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {
namespace mla {

struct Attention {
  std::int64_t hidden{}, heads{};
  std::optional<std::int64_t> query_rank;  // none: queries are projected at once
  std::int64_t rank{};                     // of keys and values
  std::int64_t nope{}, rope{}, value{};    // widths of a head's parts

  std::int64_t query_rows() const { return heads * (nope + rope); }
};

// Where the norms of the latents live: fused into the projection behind them, or modules of their own, where something
// else wants their result too.
enum class LatentNorms : std::uint8_t { fused = 1, apart };

// A linear layer that every tensor-parallel rank holds whole.
inline Parameter duplicated(const Tensor& value) { return {value, WB_SPLIT_NONE, WB_EXTRA_EMPTY, 0}; }

inline void attention(const Model& model, const MegatronLayer& layer, const HuggingFaceLayer& hf, const Attention& a,
                      LatentNorms norms = LatentNorms::fused) {
  const auto latent_norm = [&](std::string_view projection, std::string_view module, const Tensor& weight) {
    if (norms == LatentNorms::fused) layer.under(projection)["layer_norm_weight"] = replicated(weight);
    else layer.under(module)["weight"] = norm(weight);
  };
  layer["input_layernorm.weight"] = norm(hf("input_layernorm.weight", {a.hidden}));
  if (a.query_rank) {
    layer["self_attention.linear_q_down_proj.weight"] = duplicated(hf("self_attn.q_a_proj.weight", {*a.query_rank, a.hidden}));
    latent_norm("self_attention.linear_q_up_proj.", "self_attention.q_layernorm.", hf("self_attn.q_a_layernorm.weight", {*a.query_rank}));
    layer["self_attention.linear_q_up_proj.weight"] = column(hf("self_attn.q_b_proj.weight", {a.query_rows(), *a.query_rank}));
  } else {
    // Megatron-Core 0.19 puts a norm of its own before the projection, which it does not load without.
    layer["self_attention.linear_q_proj.layer_norm_weight"] = replicated(model.filled(1.0, {a.hidden}));
    layer["self_attention.linear_q_proj.weight"] = column(hf("self_attn.q_proj.weight", {a.query_rows(), a.hidden}));
  }
  layer["self_attention.linear_kv_down_proj.weight"] = duplicated(hf("self_attn.kv_a_proj_with_mqa.weight", {a.rank + a.rope, a.hidden}));
  latent_norm("self_attention.linear_kv_up_proj.", "self_attention.kv_layernorm.", hf("self_attn.kv_a_layernorm.weight", {a.rank}));
  layer["self_attention.linear_kv_up_proj.weight"] = column(hf("self_attn.kv_b_proj.weight", {a.heads * (a.nope + a.value), a.rank}));
  layer["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {a.hidden, a.heads * a.value}));
}

}  // namespace mla
}  // namespace sdk_v1
}  // namespace weighbridge
