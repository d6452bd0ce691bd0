#pragma once
// Attention of grouped queries in Megatron's fused form: Hugging Face keeps its projections apart, or as rows of one matrix.

#include <weighbridge/model.hpp>

#include <cstdint>
#include <string>

namespace weighbridge {
inline namespace sdk_v1 {

struct GroupedAttention {
  std::int64_t hidden{}, heads{}, groups{}, width{};  // of the model; of queries; of keys and values; of a head

  std::int64_t query() const { return rows(heads); }
  std::int64_t key() const { return rows(groups); }

 private:
  std::int64_t rows(std::int64_t count) const {
    constexpr std::int64_t kMost = std::int64_t{1} << 50;
    if (count < 0 || width < 0 || (width > 0 && count > kMost / width))
      throw Failure(std::to_string(count) + " heads of width " + std::to_string(width) + " are impossible");
    return count * width;
  }
};

// Without the norm before it, where a family has another one or none.
inline void grouped_projections(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  layer["self_attention.linear_qkv.weight"] = column(interleave(a.groups,
      hf("self_attn.q_proj.weight", {a.query(), a.hidden}),
      hf("self_attn.k_proj.weight", {a.key(), a.hidden}),
      hf("self_attn.v_proj.weight", {a.key(), a.hidden})));
  layer["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {a.hidden, a.query()}));
}

inline void grouped_attention(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {a.hidden}));
  grouped_projections(layer, hf, a);
}

// Of queries, keys and values.
inline void grouped_biases(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  layer["self_attention.linear_qkv.bias"] = column(interleave(a.groups,
      hf("self_attn.q_proj.bias", {a.query()}), hf("self_attn.k_proj.bias", {a.key()}), hf("self_attn.v_proj.bias", {a.key()})));
}

// Of the output, too.
inline void all_attention_biases(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  grouped_biases(layer, hf, a);
  layer["self_attention.linear_proj.bias"] = replicated(hf("self_attn.o_proj.bias", {a.hidden}));
}

// A norm over each head of queries and keys.
inline void head_norms(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t width) {
  layer["self_attention.q_layernorm.weight"] = norm(hf("self_attn.q_norm.weight", {width}));
  layer["self_attention.k_layernorm.weight"] = norm(hf("self_attn.k_norm.weight", {width}));
}

// A norm over all queries, and one over all keys: cut as the heads are, by modules of Megatron-Bridge's that keep no state.
inline void norms_of_all_heads(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a) {
  const auto cut = [](const Tensor& weight) { return Parameter{weight, WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, 0}; };
  layer["self_attention.q_layernorm.weight"] = cut(hf("self_attn.q_norm.weight", {a.query()}));
  layer["self_attention.k_layernorm.weight"] = cut(hf("self_attn.k_norm.weight", {a.key()}));
}

// Rows (or a bias) that lie one kind after the other, queries, keys, values, by query group.
inline Tensor by_group(const Tensor& fused, const GroupedAttention& a) {
  const auto rows = [&](std::int64_t begin, std::int64_t count) { return slice(fused, 0, begin, begin + count); };
  return interleave(a.groups, rows(0, a.query()), rows(a.query(), a.key()), rows(a.query() + a.key(), a.key()));
}

// The same where Hugging Face has them fused, in "attention.query_key_value".
inline void fused_attention(const MegatronLayer& layer, const HuggingFaceLayer& hf, const GroupedAttention& a, bool biases, bool norms) {
  const auto rows = a.query() + 2 * a.key();
  layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {a.hidden}));
  layer["self_attention.linear_qkv.weight"] = column(by_group(hf("attention.query_key_value.weight", {rows, a.hidden}), a));
  if (biases) layer["self_attention.linear_qkv.bias"] = column(by_group(hf("attention.query_key_value.bias", {rows}), a));
  if (norms) {
    layer["self_attention.q_layernorm.weight"] = norm(hf("attention.query_layernorm.weight", {a.width}));
    layer["self_attention.k_layernorm.weight"] = norm(hf("attention.key_layernorm.weight", {a.width}));
  }
  layer["self_attention.linear_proj.weight"] = row(hf("attention.dense.weight", {a.hidden, a.query()}));
}

}  // namespace sdk_v1
}  // namespace weighbridge
