#pragma once
// Attention of grouped queries whose projections Hugging Face keeps apart, with the norm before it, in Megatron's fused form.

#include <weighbridge/model.hpp>

#include <cstdint>

namespace weighbridge {
inline namespace sdk_v1 {

struct GroupedAttention {
  std::int64_t hidden{}, heads{}, groups{}, width{};  // of the model; of queries; of keys and values; of a head

  std::int64_t query() const { return heads * width; }
  std::int64_t key() const { return groups * width; }
};

inline void grouped_attention(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {a.hidden}));
  layer["self_attention.linear_qkv.weight"] = column(interleave(a.groups,
      hf("self_attn.q_proj.weight", {a.query(), a.hidden}),
      hf("self_attn.k_proj.weight", {a.key(), a.hidden}),
      hf("self_attn.v_proj.weight", {a.key(), a.hidden})));
  layer["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {a.hidden, a.query()}));
}

}  // namespace sdk_v1
}  // namespace weighbridge
