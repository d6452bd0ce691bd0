#include "equations.hpp"

#include <weighbridge/experts.hpp>

#include <string>

#include "translation.hpp"

namespace qwen_next {

using namespace weighbridge;

namespace {

// Rows begin <= i < end of every one of `count` equal blocks of rows.
Tensor rows_of_blocks(const Tensor& blocks, std::int64_t count, std::int64_t begin, std::int64_t end, std::int64_t columns) {
  return reshape(slice(blocks, 1, begin, end), {count * (end - begin), columns});
}

// Softmax attention whose result is gated: q_proj holds for each head its query above its gate; Megatron has for each
// group the queries of its heads, their gates, its key and its value.
void gated_attention(const Geometry& g, const MegatronLayer& layer, const HuggingFaceLayer& hf) {
  const auto both = reshape(hf("self_attn.q_proj.weight", {2 * g.queries(), g.hidden}), {g.heads, 2 * g.width, g.hidden});
  layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {g.hidden}));
  layer["self_attention.linear_qkv.weight"] = column(interleave(g.groups,
      rows_of_blocks(both, g.heads, 0, g.width, g.hidden),
      rows_of_blocks(both, g.heads, g.width, 2 * g.width, g.hidden),
      hf("self_attn.k_proj.weight", {g.keys(), g.hidden}),
      hf("self_attn.v_proj.weight", {g.keys(), g.hidden})));
  layer["self_attention.q_layernorm.weight"] = norm(hf("self_attn.q_norm.weight", {g.width}));
  layer["self_attention.k_layernorm.weight"] = norm(hf("self_attn.k_norm.weight", {g.width}));
  layer["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {g.hidden, g.queries()}));
}

// What goes into a gated DeltaNet: query, key, value, its gate z, and beta and alpha of every value head.
struct Projections {
  Tensor query, key, value, z, beta, alpha;
};

// Qwen3-Next: for each key head its query, key, and the values and gates of its value heads; beta and alpha likewise.
Projections joined_projections(const Geometry& g, const HuggingFaceLayer& hf) {
  const auto k = g.key_heads, d = g.key_width, share = g.value_heads / k, v = share * g.value_width;
  const auto qkvz = reshape(hf("linear_attn.in_proj_qkvz.weight", {k * (2 * d + 2 * v), g.hidden}), {k, 2 * d + 2 * v, g.hidden});
  const auto ba = reshape(hf("linear_attn.in_proj_ba.weight", {2 * g.value_heads, g.hidden}), {k, 2 * share, g.hidden});
  return {rows_of_blocks(qkvz, k, 0, d, g.hidden), rows_of_blocks(qkvz, k, d, 2 * d, g.hidden),
          rows_of_blocks(qkvz, k, 2 * d, 2 * d + v, g.hidden), rows_of_blocks(qkvz, k, 2 * d + v, 2 * d + 2 * v, g.hidden),
          rows_of_blocks(ba, k, 0, share, g.hidden), rows_of_blocks(ba, k, share, 2 * share, g.hidden)};
}

// Qwen3.5: one after the other, in tensors of their own but for query, key and value.
Projections separate_projections(const Geometry& g, const HuggingFaceLayer& hf) {
  const auto keys = g.linear_keys(), values = g.linear_values();
  const auto qkv = hf("linear_attn.in_proj_qkv.weight", {2 * keys + values, g.hidden});
  return {slice(qkv, 0, 0, keys), slice(qkv, 0, keys, 2 * keys), slice(qkv, 0, 2 * keys, 2 * keys + values),
          hf("linear_attn.in_proj_z.weight", {values, g.hidden}), hf("linear_attn.in_proj_b.weight", {g.value_heads, g.hidden}),
          hf("linear_attn.in_proj_a.weight", {g.value_heads, g.hidden})};
}

// The decay's parameters stay in the type of the source, which is float32 in Qwen3.5: training is sensitive to them.
Parameter kept(const Tensor& value) { return {value, WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, WB_KEEP_DTYPE}; }

// Megatron's norms hold their gain less one. Those of the model do so too, except this one. The difference is held in a
// type in which it is exact; in the gain's own a bit may be lost, which would not come back.
Parameter less_one(const HuggingFaceLayer& hf, std::string_view gain, std::int64_t width) {
  const auto source = hf.source(gain);
  const bool single = source && source->dtype == WB_DTYPE_F32;
  return {cast(add(hf(gain, {width}), -1.0), single ? WB_DTYPE_F64 : WB_DTYPE_F32), WB_SPLIT_NONE, WB_EXTRA_EMPTY, WB_KEEP_DTYPE};
}

void gated_delta_net(const Geometry& g, const MegatronLayer& layer, const HuggingFaceLayer& hf, bool next) {
  const auto keys = g.linear_keys(), values = g.linear_values();
  layer["self_attention.in_proj.layer_norm_weight"] = norm(hf("input_layernorm.weight", {g.hidden}));
  const auto in = next ? joined_projections(g, hf) : separate_projections(g, hf);
  // Checkpoints hold the parts of in_proj and conv1d apart, since each is cut by heads.
  const auto part = [](const Tensor& value) { return Parameter{value, WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, 0}; };
  layer["self_attention.in_proj.weight.query"] = part(in.query);
  layer["self_attention.in_proj.weight.key"] = part(in.key);
  layer["self_attention.in_proj.weight.value"] = part(in.value);
  layer["self_attention.in_proj.weight.z"] = part(in.z);
  layer["self_attention.in_proj.weight.beta"] = part(in.beta);
  layer["self_attention.in_proj.weight.alpha"] = part(in.alpha);
  const auto convolution = hf("linear_attn.conv1d.weight", {2 * keys + values, 1, g.kernel});
  layer["self_attention.conv1d.weight.query"] = part(slice(convolution, 0, 0, keys));
  layer["self_attention.conv1d.weight.key"] = part(slice(convolution, 0, keys, 2 * keys));
  layer["self_attention.conv1d.weight.value"] = part(slice(convolution, 0, 2 * keys, 2 * keys + values));
  layer["self_attention.A_log"] = kept(hf("linear_attn.A_log", {g.value_heads}));
  layer["self_attention.dt_bias"] = kept(hf("linear_attn.dt_bias", {g.value_heads}));
  layer["self_attention.out_norm.weight"] = less_one(hf, "linear_attn.norm.weight", g.value_width);
  layer["self_attention.out_proj.weight"] = row(hf("linear_attn.out_proj.weight", {g.hidden, values}));
}

Tensor gate_and_up(const HuggingFaceLayer& hf, std::string_view prefix, std::int64_t width, std::int64_t hidden) {
  return concat(hf(std::string{prefix} + "gate_proj.weight", {width, hidden}), hf(std::string{prefix} + "up_proj.weight", {width, hidden}));
}

void dense_mlp(const Geometry& g, const MegatronLayer& layer, const HuggingFaceLayer& hf) {
  layer["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {g.hidden}));
  layer["mlp.linear_fc1.weight"] = column(gate_and_up(hf, "mlp.", g.ffn, g.hidden));
  layer["mlp.linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {g.hidden, g.ffn}));
}

// Experts, chosen by a router, beside one that all tokens share through a gate. `packed`: what the family's own
// repositories have, where there is none to look at.
void sparse_mlp(const Geometry& g, const Model& model, const MegatronLayer& layer, const HuggingFaceLayer& hf, bool packed) {
  layer["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {g.hidden}));
  layer["mlp.router.weight"] = replicated(hf("mlp.gate.weight", {g.experts, g.hidden}));
  if (model.has_source()) packed = hf.source("mlp.experts.gate_up_proj") || hf.source("mlp.experts.gate_up_proj_packed");
  if (packed) packed_experts(layer, hf, "mlp.experts.", g.experts, g.expert_width, g.hidden);
  else separate_experts(layer, hf, "mlp.experts.", g.experts, g.expert_width, g.hidden);
  layer["mlp.shared_experts.linear_fc1.weight"] = column(gate_and_up(hf, "mlp.shared_expert.", g.shared_width, g.hidden));
  layer["mlp.shared_experts.linear_fc2.weight"] = row(hf("mlp.shared_expert.down_proj.weight", {g.hidden, g.shared_width}));
  layer["mlp.shared_experts.gate_weight"] = replicated(hf("mlp.shared_expert_gate.weight", {1, g.hidden}));
}

// Layer k of multi-token prediction is like the last of the decoder. All layers of the model share one projection of
// embedding and hidden state and one set of norms; each of Megatron's has its own.
void prediction(const Geometry& g, const Model& model, std::int64_t k, std::int64_t count, bool sparse, bool packed) {
  const auto [megatron, hf, number] = model.layer("mtp.layers.", k, count, "mtp.layers.", k);
  const auto shared = [&](std::string_view name, const Dimensions& shape) {
    const auto tensor = model.tensor(name, shape);
    return k == 0 ? tensor : echo(tensor);
  };
  megatron["eh_proj.weight"] = column(shared("mtp.fc.weight", {g.hidden, 2 * g.hidden}));
  megatron["enorm.weight"] = norm(shared("mtp.pre_fc_norm_embedding.weight", {g.hidden}));
  megatron["hnorm.weight"] = norm(shared("mtp.pre_fc_norm_hidden.weight", {g.hidden}));
  megatron["final_layernorm.weight"] = norm(shared("mtp.norm.weight", {g.hidden}));
  const auto layer = megatron.under("transformer_layer.");
  gated_attention(g, layer, hf);
  if (sparse) sparse_mlp(g, model, layer, hf, packed);
  else dense_mlp(g, layer, hf);
}

// The repositories of Qwen3.5 hold the experts of the prediction layer one by one, those of Qwen3.6 packed like all others.
bool made_of_qwen36(const Config& megatron) {
  std::string name;
  for (const auto letter : megatron.string("hf_model_id", ""))
    if (letter != '.' && letter != '-' && letter != '_') name += letter == 'Q' ? 'q' : letter;
  return name.find("qwen36") != std::string::npos;
}

void prediction_equations(const Config& c, const Model& model, const Geometry& g, const Generation& generation) {
  const auto stated = predictions_of(c, g);
  const auto megatron = model.megatron();
  const auto count = megatron.has("num_layers") ? megatron.integer("mtp_num_layers", 0) : stated.count;
  if (count == 0)
    return model.carried("mtp.*", "multi-token prediction that " + (stated.why_none.empty() ? "config.json does not state" : stated.why_none));
  if (is_linear(c, g.layers - 1)) throw Failure("mtp_num_layers is " + std::to_string(count) + ", but " + stated.why_none);
  for (std::int64_t k = 0; k < count; ++k)
    prediction(g, model, k, count, is_sparse(c, generation, g.layers - 1), made_of_qwen36(megatron));
}

}  // namespace

void decoder_equations(const Config& c, Model& model, const Generation& generation) {
  const auto g = geometry_of(c, generation);
  model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {g.rows, g.hidden}));
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", g.layers)) {
    if (is_linear(c, index)) gated_delta_net(g, decoder, hf, generation.next);
    else gated_attention(g, decoder, hf);
    if (is_sparse(c, generation, index)) sparse_mlp(g, model, decoder, hf, !generation.next);
    else dense_mlp(g, decoder, hf);
  }
  model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {g.hidden}));
  output_layer(model, c.flag("tie_word_embeddings"), g.rows, g.hidden);
  prediction_equations(c, model, g, generation);
}

}  // namespace qwen_next
