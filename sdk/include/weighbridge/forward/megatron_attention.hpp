#pragma once
// Attention as Megatron-Core computes it: projections fused and interleaved by query group, or latent.

#include <weighbridge/forward.hpp>
#include <weighbridge/forward/indexer.hpp>
#include <weighbridge/forward/latent_attention.hpp>
#include <weighbridge/forward/megatron_config.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

// A norm by its module's name, in the normalization of the document; as it is where the module has no weight.
inline Matrix megatron_norm(const Config& c, const Forward& run, const std::string& module, const Matrix& x, std::int64_t width = 0,
                            std::optional<float> epsilon = std::nullopt) {
  if (!run.has(module + "weight")) return x;
  auto norm = megatron_norm(c);
  norm.width = width;
  if (epsilon) norm.epsilon = *epsilon;
  const auto weight = run.values(module + "weight");
  return c.string("normalization", "LayerNorm") == "LayerNorm" ? layer_norm(x, weight, run.values_if_any(module + "bias"), norm)
                                                               : rms_norm(x, weight, norm);
}

// The norm before a linear layer: fused into it, or a module of its own.
inline Matrix norm_before(const Config& c, const Forward& run, const std::string& linear, const std::string& module, const Matrix& x,
                          std::optional<float> epsilon = std::nullopt) {
  return megatron_norm(c, run, run.has(linear + "layer_norm_weight") ? linear + "layer_norm_" : module, x, 0, epsilon);
}

namespace detail {

// Rows of linear_qkv are those of a query group after those of another: its queries, gates of as many rows, key, value.
struct Unfused {
  Matrix q, gate, k, v;
};

inline Unfused unfused(const Matrix& mixed, const MegatronAttention& a) {
  const auto& core = a.core;
  const auto queries = core.heads / core.groups * core.width, gates = a.gated ? queries : 0;
  const auto group = queries + gates + core.width + core.values;
  Unfused parts{{mixed.rows, core.heads * core.width}, {mixed.rows, a.gated ? core.heads * core.width : 0}, {mixed.rows, core.groups * core.width},
                {mixed.rows, core.groups * core.values}};
  for (std::int64_t g = 0; g < core.groups; ++g) {
    put_columns(parts.q, g * queries, columns(mixed, g * group, queries));
    put_columns(parts.gate, g * gates, columns(mixed, g * group + queries, gates));
    put_columns(parts.k, g * core.width, columns(mixed, g * group + queries + gates, core.width));
    put_columns(parts.v, g * core.values, columns(mixed, g * group + queries + gates + core.width, core.values));
  }
  return parts;
}

// Over each head, or over all of them where its weight is as long.
inline Matrix head_norm(const Config& c, const Forward& run, const std::string& module, Matrix x) {
  if (!run.has(module + "weight")) return x;
  return megatron_norm(c, run, module, x, run.shape(module + "weight").back());
}

}  // namespace detail

// `layer` is "decoder.layers.3."; x comes as it is in the residual stream.
inline Matrix megatron_self_attention(const Config& c, const Forward& run, const std::string& layer, const Matrix& x, const MegatronAttention& a) {
  const auto at = layer + "self_attention.";
  const auto normed = norm_before(c, run, at + "linear_qkv.", layer + "input_layernorm.", x);
  auto [q, gate, k, v] = detail::unfused(run.module(at + "linear_qkv.", normed), a);
  q = detail::head_norm(c, run, at + "q_layernorm.", std::move(q));
  k = detail::head_norm(c, run, at + "k_layernorm.", std::move(k));
  rotate(q, a.core.width, run.length(), a.rotary);
  rotate(k, a.core.width, run.length(), a.rotary);
  scale(v, a.value_scale);
  auto core = a.core;
  core.sinks = run.values_if_any(at + "core_attention.softmax_offset");
  auto attended = attend(q, k, v, run.length(), core);
  if (a.gated)
    for (std::size_t i = 0; i < attended.values.size(); ++i) attended.values[i] *= sigmoid(gate.values[i]);
  return run.module(at + "linear_proj.", attended);
}

namespace detail {

// Of the tokens that the last indexer selected, or of those that the layer's own one selects now.
inline void select_again(const Config& c, const Forward& run, const std::string& at, const Matrix& queries, const Matrix& x, const Rotary& positions,
                         const MegatronExtras& extras, Selection& selection) {
  if (!run.has(at + "linear_wk.weight")) {
    if (selection.empty()) throw Failure(at + "linear_wk.weight is not among the tensors, and no layer before has selected tokens");
    return;
  }
  Indexer indexer{.heads = positive(c, "dsa_indexer_n_heads", 0), .width = positive(c, "dsa_indexer_head_dim", 0),
                  .chosen = positive(c, "dsa_indexer_topk", 0), .cut = c.flag("dsa_indexer_scoring_relu", true), .positions = positions};
  indexer.positions.pairs = extras.indexer_pairs.value_or(c.flag("dsa_indexer_rope_interleaved") ? Pairs::neighbours : Pairs::halves);
  const Norm norm{.epsilon = static_cast<float>(c.number("dsa_indexer_k_norm_epsilon", c.number("layernorm_epsilon", 1e-5)))};
  const auto keys = layer_norm(run.module(at + "linear_wk.", x), run.values(at + "k_norm.weight"), run.values(at + "k_norm.bias"), norm);
  selection = select(run.module(at + "linear_wq_b.", queries), keys, run.module(at + "linear_weights_proj.", x), run.length(), indexer);
}

}  // namespace detail

// `selection` is what the layers of one model share where their attention is sparse.
inline Matrix megatron_latent_attention(const Config& c, const Forward& run, const std::string& layer, const Matrix& x, const MegatronExtras& extras,
                                        Selection& selection) {
  const auto at = layer + "self_attention.";
  const auto normed = megatron_norm(c, run, layer + "input_layernorm.", x);
  LatentAttention a{.heads = megatron_heads(c), .plain = c.integer("qk_head_dim", 128), .rotary = c.integer("qk_pos_emb_head_dim", 64),
                    .values = c.integer("v_head_dim", 128)};
  const auto rank = c.integer("kv_lora_rank", 512);
  const auto base = c.number("rotary_base", 10000), factor = c.number("rotary_scaling_factor", 40);
  const auto weight = c.number("mscale", 1), of_all = c.number("mscale_all_dim", 0);
  const auto wide = yarn_scale(factor, of_all);
  a.scale = static_cast<float>((extras.widened_attention ? wide * wide : 1.0) / std::sqrt(static_cast<double>(a.plain + a.rotary)));
  a.positions.pairs = Pairs::neighbours;
  if (c.string("rope_type", "yarn") == "yarn") {
    a.positions.frequencies = yarn_frequencies(base, a.rotary, {factor, c.number("original_max_position_embeddings", 4096), c.number("beta_fast", 32),
                                                                c.number("beta_slow", 1), true});
    a.positions.scale = static_cast<float>(yarn_scale(factor, weight) / wide);
  } else {
    a.positions.frequencies = frequencies_of(base, a.rotary);
  }

  const auto latent = run.module(at + "linear_kv_down_proj.", normed);
  const auto keys_and_values = run.module(at + "linear_kv_up_proj.", norm_before(c, run, at + "linear_kv_up_proj.", at + "kv_layernorm.", columns(latent, 0, rank), extras.latent_epsilon));
  Matrix q, queries;
  if (c.has("q_lora_rank")) {
    const auto down = run.module(at + "linear_q_down_proj.", normed);
    queries = norm_before(c, run, at + "linear_q_up_proj.", at + "q_layernorm.", down, extras.latent_epsilon);
    q = run.module(at + "linear_q_up_proj.", queries);
  } else {
    // Its layer_norm_weight, which new releases of Megatron-Core apply to what is normalised already, is no part of the model.
    queries = normed;
    q = run.module(at + "linear_q_proj.", queries);
  }
  if (c.string("experimental_attention_variant", "") == "dsa") {
    detail::select_again(c, run, at + "core_attention.indexer.", queries, normed, a.positions, extras, selection);
    a.seen = &selection;
  }
  return run.module(at + "linear_proj.", attend(std::move(q), columns(latent, rank, a.rotary), keys_and_values, run.length(), a));
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
