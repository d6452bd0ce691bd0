// DeepSeek V4.
//
//   The residual is several streams. A hyper-connection before each half of a layer mixes them into one, and spreads the result over
//   them; behind the last layer they are contracted. Attention has one key for all heads, which is the value, too; a window of tokens and
//   older ones that are joined, several in one, in some layers those alone that an indexer selects; its result is projected in groups of
//   heads. Every layer is a mixture with a shared expert; in the first ones the token alone says which experts it goes to.

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/latent_attention.hpp>

#include <algorithm>
#include <string>

#include "geometry.hpp"
#include "names.hpp"
#include "translation.hpp"

namespace {

using namespace weighbridge;
using deepseek_v4::Names;

// What Megatron-Core keeps in float32 whatever the weights are in.
Parameter single(const Tensor& value) { return {cast(value, WB_DTYPE_F32), WB_SPLIT_NONE, WB_EXTRA_ABSENT, WB_KEEP_DTYPE}; }

// One layer on both sides: Megatron's parameters, and tensors by their published names.
template <class Name>
struct Block {
  const Config& c;
  const Model& model;
  const MegatronLayer& layer;
  Name name;

  Tensor plain(std::string_view tensor, const Dimensions& shape) const { return model.tensor(name(tensor), shape); }
  Tensor linear(std::string_view tensor, const Dimensions& shape) const { return deepseek_v4::stored(model, c, name(tensor), shape); }
};

template <class B>
void compressor(const B& b, const MegatronLayer& to, const std::string& from, std::int64_t ratio, std::int64_t width) {
  const auto hidden = b.c.integer("hidden_size"), rows = (ratio == 4 ? 2 : 1) * width;  // windows of four overlap
  to["linear_wkv.weight"] = mla::duplicated(b.linear(from + "wkv.weight", {rows, hidden}));
  to["linear_wgate.weight"] = mla::duplicated(b.linear(from + "wgate.weight", {rows, hidden}));
  to["ape"] = single(b.plain(from + "ape", {ratio, rows}));
  to["norm.weight"] = norm(b.plain(from + "norm.weight", {width}));
}

template <class B>
void attention(const B& b, std::int64_t ratio) {
  const auto& c = b.c;
  const auto hidden = c.integer("hidden_size"), heads = c.integer("num_attention_heads"), width = c.integer("head_dim", 512);
  const auto rank = c.integer("q_lora_rank", 1024), groups = c.integer("o_groups", 8), group_rank = c.integer("o_lora_rank", 1024);
  if (groups < 1 || heads * width % groups != 0) throw Failure("o_groups is " + std::to_string(groups) + ", which does not divide the features of all heads");
  const auto to = b.layer.under("self_attention.");
  b.layer["input_layernorm.weight"] = norm(b.plain("attn_norm.weight", {hidden}));
  to["linear_q_down_proj.weight"] = mla::duplicated(b.linear("attn.wq_a.weight", {rank, hidden}));
  to["q_layernorm.weight"] = norm(b.plain("attn.q_norm.weight", {rank}));
  to["linear_q_up_proj.weight"] = column(b.linear("attn.wq_b.weight", {heads * width, rank}));
  to["linear_kv_proj.weight"] = column(b.linear("attn.wkv.weight", {width, hidden}));
  to["kv_layernorm.weight"] = norm(b.plain("attn.kv_norm.weight", {width}));
  to["linear_o_group_proj"] = replicated(b.linear("attn.wo_a.weight", {groups * group_rank, heads * width / groups}));
  to["linear_proj.weight"] = row(b.linear("attn.wo_b.weight", {hidden, groups * group_rank}));
  const auto core = to.under("core_attention.");
  to["core_attention"] = module_state(WB_EXTRA_ABSENT);  // none of Transformer Engine's
  core["attn_sink"] = Parameter{cast(b.plain("attn.attn_sink", {heads}), WB_DTYPE_F32), WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, WB_KEEP_DTYPE};
  if (ratio > 0) compressor(b, core.under("compressor."), "attn.compressor.", ratio, width);
  if (ratio != 4) return;
  const auto index_heads = c.integer("index_n_heads", 64), index_width = c.integer("index_head_dim", 128);
  const auto indexer = core.under("indexer.");
  indexer["linear_wq_b.weight"] = mla::duplicated(b.linear("attn.indexer.wq_b.weight", {index_heads * index_width, rank}));
  indexer["linear_weights_proj.weight"] = mla::duplicated(b.linear("attn.indexer.weights_proj.weight", {index_heads, hidden}));
  compressor(b, indexer.under("compressor."), "attn.indexer.compressor.", ratio, index_width);
}

template <class B>
void mixture(const B& b, bool hashed) {
  const auto& c = b.c;
  const auto hidden = c.integer("hidden_size"), experts = c.integer("n_routed_experts", 256), width = c.integer("moe_intermediate_size", 2048);
  const auto shared = width * c.integer("n_shared_experts", 1);
  b.layer["pre_mlp_layernorm.weight"] = norm(b.plain("ffn_norm.weight", {hidden}));
  b.layer["mlp.router.weight"] = replicated(b.linear("ffn.gate.weight", {experts, hidden}));
  if (hashed) {  // a table of the experts that a token goes to; Megatron-Core's has 32 bits
    const auto table = b.plain("ffn.gate.tid2eid", {c.integer("vocab_size"), c.integer("num_experts_per_tok", 6)});
    const auto stored = b.model.source(b.name("ffn.gate.tid2eid"));
    b.layer["mlp.router.tid2eid"] =
        Parameter{stored && stored->dtype == WB_DTYPE_I64 ? cast(table, WB_DTYPE_I32) : table, WB_SPLIT_NONE, WB_EXTRA_ABSENT, WB_KEEP_DTYPE};
  } else b.layer["mlp.router.expert_bias"] = single(b.plain("ffn.gate.bias", {experts}));
  const auto of = [&](const std::string& at, const char* projection, std::int64_t rows, std::int64_t columns) {
    return b.linear(at + projection + ".weight", {rows, columns});
  };
  const auto fc1 = [&](const std::string& at, std::int64_t wide) { return concat(of(at, "w1", wide, hidden), of(at, "w3", wide, hidden)); };
  grouped_experts(b.layer, experts, [&](std::int64_t e) { return fc1("ffn.experts." + std::to_string(e) + ".", width); },
                  [&](std::int64_t e) { return of("ffn.experts." + std::to_string(e) + ".", "w2", hidden, width); });
  b.layer["mlp.shared_experts.linear_fc1.weight"] = column(fc1("ffn.shared_experts.", shared));
  b.layer["mlp.shared_experts.linear_fc2.weight"] = row(of("ffn.shared_experts.", "w2", hidden, shared));
}

template <class B>
void hyper_connection(const B& b, const std::string& to, const std::string& from) {
  const auto streams = b.c.integer("hc_mult", 4), mixes = streams * streams + 2 * streams;
  const auto module = b.layer.under(to + ".");
  module["mapping_proj.weight"] = single(b.plain(from + "fn", {mixes, streams * b.c.integer("hidden_size")}));
  module["bias"] = single(b.plain(from + "base", {mixes}));
  const auto scales = b.plain(from + "scale", {3});
  std::int64_t place = 0;
  for (const auto* alpha : {"alpha_pre", "alpha_post", "alpha_res"}) {
    module[alpha] = single(slice(scales, 0, place, place + 1));
    ++place;
  }
}

template <class B>
void block(const B& b, std::int64_t ratio, bool hashed) {
  hyper_connection(b, "self_attention_hyper_connection", "hc_attn_");
  attention(b, ratio);
  hyper_connection(b, "mlp_hyper_connection", "hc_ffn_");
  mixture(b, hashed);
}

// What contracts the streams of a stack; `at` is where its parameters are.
template <class Define, class Read>
void contraction(const Config& c, Define&& define, Read&& read) {
  const auto streams = c.integer("hc_mult", 4);
  define("hc_head_fn", single(read("hc_head_fn", Dimensions{streams, streams * c.integer("hidden_size")})));
  define("hc_head_base", single(read("hc_head_base", Dimensions{streams})));
  define("hc_head_scale", single(read("hc_head_scale", Dimensions{1})));
}

struct V4 {
  static constexpr std::string_view id = "deepseek_v4";
  static constexpr std::string_view architectures[] = {"DeepseekV4ForCausalLM"};
  static constexpr std::string_view model_types[] = {"deepseek_v4"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { deepseek_v4::config_to_megatron(hf, megatron, notes); }
  static void to_hugging_face(Config megatron, Config hf, Notes) { deepseek_v4::config_to_hugging_face(megatron, hf); }
  static bool recognises(const Config& megatron) {
    return megatron.string("experimental_attention_variant", "") == "dsv4_hybrid" && megatron.has("csa_compress_ratios.0") && megatron.has("num_moe_experts");
  }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), rows = c.integer("vocab_size"), layers = c.integer("num_hidden_layers");
    const Names names{model, layers};
    const auto ratios = deepseek_v4::ratios_of(c);
    const auto hashed = deepseek_v4::hash_layers_of(c);
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor(names.of_model("embed.weight"), {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "layers.", layers)) {
      const auto name = [&, layer = index](std::string_view tensor) { return names.of_layer(layer, tensor); };
      block(Block<decltype(name)>{c, model, decoder, name}, ratios.of_layers.at(static_cast<std::size_t>(index)), index < hashed);
    }
    // A Megatron model may have been made without them.
    const auto stated = c.integer("num_nextn_predict_layers", 0);
    const auto predictions = model.megatron().has("num_layers") ? std::min(stated, model.megatron().integer("mtp_num_layers", 0)) : stated;
    for (std::int64_t k = 0; k < predictions; ++k) {
      const auto [mtp, hf, number] = model.layer("mtp.layers.", k, predictions, "mtp.", k);
      const auto name = [k](std::string_view tensor) { return Names::of_prediction(k, tensor); };
      const auto inner = mtp.under("transformer_layer.");
      block(Block<decltype(name)>{c, model, inner, name}, ratios.of_predictions.at(static_cast<std::size_t>(k)), false);
      mtp["enorm.weight"] = norm(hf("enorm.weight", {hidden}));
      mtp["hnorm.weight"] = norm(hf("hnorm.weight", {hidden}));
      mtp["e_proj.weight"] = column(deepseek_v4::stored(model, c, hf.name("e_proj.weight"), {hidden, hidden}));
      mtp["h_proj.weight"] = column(deepseek_v4::stored(model, c, hf.name("h_proj.weight"), {hidden, hidden}));
      mtp["final_layernorm.weight"] = norm(hf("norm.weight", {hidden}));
      contraction(c, [&, &to = mtp](const char* parameter, const Parameter& value) { to[parameter] = value; },
                  [&, &from = hf](const char* tensor, const Dimensions& shape) { return from(tensor, shape); });
    }
    for (auto k = predictions; k < stated; ++k) model.carried("mtp." + std::to_string(k) + ".*", "the Megatron model has no such prediction layer");
    contraction(c, [&](const std::string& parameter, const Parameter& value) { model["decoder." + parameter] = value; },
                [&](const char* tensor, const Dimensions& shape) { return model.tensor(names.of_model(tensor), shape); });
    model["decoder.final_layernorm.weight"] = norm(model.tensor(names.of_model("norm.weight"), {hidden}));
    if (c.flag("tie_word_embeddings")) model.tied(names.of_model("head.weight"), names.of_model("embed.weight"), "tie_word_embeddings");
    else model["output_layer.weight"] = vocabulary(model.tensor(names.of_model("head.weight"), {rows, hidden}));
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<V4>("deepseek_v4", "1.0.0"); }
