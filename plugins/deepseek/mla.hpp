#pragma once
// Multi-head latent attention and the mixture of experts that comes with it, as DeepSeek drew them and others took over.
//
//   q = Wq norm(x)                          or  Wq_b norm(Wq_a norm(x))             heads of [nope | rope] rows
//   [latent | k_rope] = Wkv_a norm(x),  [k_nope | v] = Wkv_b norm(latent)           k_rope is shared by all heads
//   x + Wo attention([q_nope | q_rope], [k_nope | k_rope], v)
//   x + shared(norm(x)) + sum over the chosen experts of weight * expert(norm(x))
//
// Rope rows are pairs side by side on both sides: nothing is permuted.

#include <weighbridge/experts.hpp>
#include <weighbridge/model.hpp>

#include <cstdint>
#include <optional>

namespace weighbridge::mla {

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

// gate above up, and down, of a SwiGLU of that width.
inline void gated(const MegatronLayer& mlp, const HuggingFaceLayer& hf, const std::string& name, std::int64_t width, std::int64_t hidden) {
  mlp["linear_fc1.weight"] = column(concat(hf(name + "gate_proj.weight", {width, hidden}), hf(name + "up_proj.weight", {width, hidden})));
  mlp["linear_fc2.weight"] = row(hf(name + "down_proj.weight", {hidden, width}));
}

inline void dense_mlp(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t width, std::int64_t hidden) {
  layer["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
  gated(layer.under("mlp."), hf, "mlp.", width, hidden);
}

struct Experts {
  std::int64_t hidden{}, count{}, width{};
  std::int64_t shared_width{};  // 0: no shared experts
  bool bias{};                  // whether a bias helps to choose (and only that)
};

inline void mixture(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Experts& e) {
  layer["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {e.hidden}));
  layer["mlp.router.weight"] = replicated(hf("mlp.gate.weight", {e.count, e.hidden}));
  // A buffer that Megatron counts up in float32, whatever the weights are in.
  if (e.bias)
    layer["mlp.router.expert_bias"] =
        Parameter{cast(hf("mlp.gate.e_score_correction_bias", {e.count}), WB_DTYPE_F32), WB_SPLIT_NONE, WB_EXTRA_ABSENT, WB_KEEP_DTYPE};
  separate_experts(layer, hf, "mlp.experts.", e.count, e.width, e.hidden);
  if (e.shared_width > 0) gated(layer.under("mlp.shared_experts."), hf, "mlp.shared_experts.", e.shared_width, e.hidden);
}

// What a layer that predicts one more token has around its transformer layer: eh_proj [norm(embedding) | norm(hidden)].
// It shares the embedding and the output layer (`head`) of the model, whose copies some checkpoints hold.
inline void prediction(const Model& model, const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t hidden,
                       std::string_view head = "lm_head.weight") {
  layer["enorm.weight"] = norm(hf("enorm.weight", {hidden}));
  layer["hnorm.weight"] = norm(hf("hnorm.weight", {hidden}));
  layer["eh_proj.weight"] = column(hf("eh_proj.weight", {hidden, 2 * hidden}));
  layer["final_layernorm.weight"] = norm(hf("shared_head.norm.weight", {hidden}));
  model.copy(hf.name("embed_tokens.weight"), "model.embed_tokens.weight", "prediction layers share the embedding");
  model.copy(hf.name("shared_head.head.weight"), head, "prediction layers share the output layer");
}

}  // namespace weighbridge::mla
