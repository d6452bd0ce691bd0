// Gemma 4, dense and with experts: the equations.
//
//   Attention with a window or global, each with heads of its own; norms before and after; a scalar at the end of a layer.
//   Dense      every layer may get an embedding of its own besides (per-layer inputs).
//   With experts  the feed-forward is a dense part beside routed experts, each with norms of its own.

#include "gemma4.hpp"

#include <weighbridge/experts.hpp>

#include <algorithm>

namespace gemma {
namespace {

// Megatron's own modules keep None where those of Transformer Engine keep an empty tensor, and its norms keep nothing.
Parameter plain(Parameter parameter) {
  parameter.extra_state = WB_EXTRA_NONE;
  return parameter;
}

// The queries of every group, and zeros where its keys and values would be.
Tensor queries_alone(const Tensor& queries, std::int64_t rows, const Heads& heads, std::int64_t hidden) {
  const auto of_group = rows / heads.groups, padded = of_group + 2 * heads.width;
  const auto groups_inside = transpose(reshape(queries, {heads.groups, of_group, hidden}), {1, 0, 2});
  return reshape(transpose(pad_rows(groups_inside, padded), {1, 0, 2}), {heads.groups * padded, hidden});
}

// The last layer of the kind of `layer` that has keys and values of its own.
std::int64_t lender_of(const Decoder& d, std::int64_t layer) {
  for (auto lender = d.sizes.layers - d.shared - 1; lender >= 0; --lender)
    if (d.is_global(lender) == d.is_global(layer)) return lender;
  throw Failure("num_kv_shared_layers leaves layer " + std::to_string(layer) + " without an earlier layer of its kind to share with");
}

// Layers that take keys and values from another one have none in files that transformers wrote. Megatron has a place
// for them all the same, and the repositories of the published models, which see too, have something for it. Without a
// source to look at, those are told by the missing `architectures`: their text model is a part.
bool has_keys(const Config& c, const Model& model, const HuggingFaceLayer& hf) {
  return model.has_source() ? hf.source("self_attn.k_proj.weight").has_value() : !c.has("architectures");
}

Tensor query_key_value(const Config& c, const Model& model, const Decoder& d, const Layer& layer) {
  const auto& hf = layer.hugging_face;
  const auto heads = d.heads(layer.index);
  const auto hidden = d.sizes.hidden, query = d.sizes.heads * heads.width, key = heads.groups * heads.width;
  const auto q = hf("self_attn.q_proj.weight", {query, hidden});
  if (d.is_shared(layer.index) && !has_keys(c, model, hf)) return queries_alone(q, query, heads, hidden);
  const auto k = hf("self_attn.k_proj.weight", {key, hidden});
  const bool tied = d.key_is_value && d.is_global(layer.index);
  return interleave(heads.groups, q, k, tied ? echo(k) : hf("self_attn.v_proj.weight", {key, hidden}));
}

// Without a norm of its own a layer has that of the layer whose keys it takes.
Tensor key_norm(const Config& c, const Model& model, const Decoder& d, const Layer& layer) {
  const auto width = d.heads(layer.index).width;
  if (!d.is_shared(layer.index) || has_keys(c, model, layer.hugging_face)) return layer.hugging_face("self_attn.k_norm.weight", {width});
  return echo(model.tensor("model.layers." + std::to_string(lender_of(d, layer.index)) + ".self_attn.k_norm.weight", {width}));
}

// The attention of a layer where checkpoints keep it: apart for each kind, and joined over the layers of the kind.
// Where layers differ in more than that, nothing is joined.
MegatronLayer attention_of(const Decoder& d, const Layer& layer) {
  const bool global = d.is_global(layer.index);
  const auto* name = global ? "self_attention_global." : "self_attention_sliding.";
  if (d.wide) return layer.megatron.of_kind(name, "self_attention.", layer.index, static_cast<std::int64_t>(d.global.size()));
  const auto before = std::count(d.global.begin(), d.global.begin() + layer.index, global);
  return layer.megatron.of_kind(name, "self_attention.", before, std::ranges::count(d.global, global));
}

void dense_layer(const Config& c, const Model& model, const Decoder& d, const Layer& layer) {
  const auto& [decoder, hf, index] = layer;
  const auto hidden = d.sizes.hidden, ffn = d.ffn(index), width = d.heads(index).width, inputs = d.input_width;

  decoder["self_attention.core_attention"] = module_state(WB_EXTRA_ABSENT);  // the dense model is none of Transformer Engine's
  decoder["input_layernorm.weight"] = replicated(hf("input_layernorm.weight", {hidden}));
  const auto attention = attention_of(d, layer);
  attention["linear_qkv.weight"] = plain(column(query_key_value(c, model, d, layer)));
  attention["q_layernorm.weight"] = replicated(hf("self_attn.q_norm.weight", {width}));
  attention["k_layernorm.weight"] = replicated(key_norm(c, model, d, layer));
  attention["linear_proj.weight"] = plain(row(hf("self_attn.o_proj.weight", {hidden, d.sizes.heads * width})));
  decoder["post_self_attn_layernorm.weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));

  decoder["pre_mlp_layernorm.weight"] = replicated(hf("pre_feedforward_layernorm.weight", {hidden}));
  decoder["mlp.linear_fc1.weight"] = plain(column(concat(hf("mlp.gate_proj.weight", {ffn, hidden}), hf("mlp.up_proj.weight", {ffn, hidden}))));
  decoder["mlp.linear_fc2.weight"] = plain(row(hf("mlp.down_proj.weight", {hidden, ffn})));
  decoder["post_mlp_layernorm.weight"] = replicated(hf("post_feedforward_layernorm.weight", {hidden}));

  if (inputs > 0) {
    decoder["per_layer_input_gate.weight"] = replicated(hf("per_layer_input_gate.weight", {inputs, hidden}));
    decoder["per_layer_projection.weight"] = replicated(hf("per_layer_projection.weight", {hidden, inputs}));
    decoder["post_per_layer_input_norm.weight"] = replicated(hf("post_per_layer_input_norm.weight", {hidden}));
  }
  decoder["layer_scalar"] = replicated(hf("layer_scalar", {1}));
}

void expert_layer(const Config& c, const Model& model, const Decoder& d, const Layer& layer) {
  const auto& [decoder, hf, index] = layer;
  const auto hidden = d.sizes.hidden, ffn = d.sizes.ffn, width = d.heads(index).width, experts = d.experts, inner = d.expert_ffn;

  const auto attention = attention_of(d, layer);
  attention["linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {hidden}));
  attention["linear_qkv.weight"] = column(query_key_value(c, model, d, layer));
  attention["q_layernorm.weight"] = norm(hf("self_attn.q_norm.weight", {width}));
  attention["k_layernorm.weight"] = norm(hf("self_attn.k_norm.weight", {width}));
  attention["linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {hidden, d.sizes.heads * width}));
  attention["linear_proj.post_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));

  decoder["pre_shared_expert_layernorm.weight"] = replicated(hf("pre_feedforward_layernorm.weight", {hidden}));
  const auto dense = decoder.under("mlp.shared_experts.");
  dense["linear_fc1.weight"] = column(concat(hf("mlp.gate_proj.weight", {ffn, hidden}), hf("mlp.up_proj.weight", {ffn, hidden})));
  dense["linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {hidden, ffn}));
  decoder["mlp.post_shared_expert_layernorm.weight"] = replicated(hf("post_feedforward_layernorm_1.weight", {hidden}));

  decoder["mlp.router.weight"] = replicated(hf("router.proj.weight", {experts, hidden}));
  decoder["mlp.router.scale"] = replicated(hf("router.scale", {hidden}));
  decoder["mlp.router.per_expert_scale"] = replicated(hf("router.per_expert_scale", {experts}));
  decoder["pre_mlp_layernorm.weight"] = norm(hf("pre_feedforward_layernorm_2.weight", {hidden}));
  const auto gate_up = hf("experts.gate_up_proj", {experts, 2 * inner, hidden}), down = hf("experts.down_proj", {experts, hidden, inner});
  grouped_experts(decoder, experts,
      [&](std::int64_t e) {
        const auto expert = reshape(slice(gate_up, 0, e, e + 1), {2 * inner, hidden});
        return concat(slice(expert, 0, 0, inner), slice(expert, 0, inner, 2 * inner));
      },
      [&](std::int64_t e) { return reshape(slice(down, 0, e, e + 1), {hidden, inner}); });
  decoder["mlp.post_moe_layernorm.weight"] = replicated(hf("post_feedforward_layernorm_2.weight", {hidden}));

  decoder["post_ffn_layernorm.weight"] = replicated(hf("post_feedforward_layernorm.weight", {hidden}));
  decoder["layer_scalar"] = replicated(hf("layer_scalar", {1}));
}

// Embeddings of which every layer gets a part of its own: looked up, and projected from the first layer's input.
void per_layer_inputs(const Model& model, const Decoder& d) {
  const auto all = d.sizes.layers * d.input_width;
  model["per_layer_embedding.weight"] = {model.tensor("model.embed_tokens_per_layer.weight", {d.input_rows, all}),
                                         WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, 0};
  model["per_layer_model_proj.weight"] = plain(column(model.tensor("model.per_layer_model_projection.weight", {all, d.sizes.hidden})));
  model["per_layer_proj_norm.weight"] = replicated(model.tensor("model.per_layer_projection_norm.weight", {d.input_width}));
}

}  // namespace

void Gemma4::equations(const Config& c, Model& model) {
  const auto d = decoder_of(c);
  const auto embedding = model.tensor("model.embed_tokens.weight", {d.sizes.rows, d.sizes.hidden});
  // The dense model's embedding has rows in whole 128s.
  model["embedding.word_embeddings.weight"] = vocabulary(d.experts > 0 ? embedding : pad_rows(embedding, (d.sizes.rows + 127) / 128 * 128));
  for (const auto& layer : model.layers("decoder.layers.", "model.layers.", d.sizes.layers))
    if (d.experts > 0) expert_layer(c, model, d, layer);
    else dense_layer(c, model, d, layer);
  if (d.input_width > 0) per_layer_inputs(model, d);
  output_equations(c, model, d.sizes);
}

}  // namespace gemma
