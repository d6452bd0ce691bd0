// Step-3.5-Flash.
//
//   x + attention(norm(x)),  x + mlp(norm(x)); RMSNorm whose weights count from -1, here as in Megatron. A layer attends to
//   everything or to a window, with another number of heads; each head is scaled by a gate, one number for a token. The
//   mlp is dense in the first layers, then a mixture of experts with a shared one beside. Layers that predict further
//   tokens are numbered after the others and dense.

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/translation.hpp>

#include "forward.hpp"
#include "geometry.hpp"
#include "translation.hpp"

namespace {

using namespace weighbridge;
using stepfun::Geometry;
using stepfun::Heads;

struct Attention {
  std::int64_t hidden{};
  bool gate{}, norms{};
};

// Megatron has a gate for every element of a head: g_proj's row of the head, as often as the head is wide.
void attention_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Attention& a, const Heads& heads) {
  const auto query = heads.count * heads.width, key = heads.groups * heads.width;
  const auto q = hf("self_attn.q_proj.weight", {query, a.hidden}), k = hf("self_attn.k_proj.weight", {key, a.hidden}),
             v = hf("self_attn.v_proj.weight", {key, a.hidden});
  layer["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {a.hidden}));
  if (a.gate) {
    const Dimensions gates{heads.count, a.hidden};
    layer["self_attention.linear_qkv.weight"] =
        column(interleave(heads.groups, q, repeat(hf("self_attn.g_proj.weight", gates), heads.width, gates), k, v));
  } else {
    layer["self_attention.linear_qkv.weight"] = column(interleave(heads.groups, q, k, v));
  }
  if (a.norms) {
    layer["self_attention.q_layernorm.weight"] = norm(hf("self_attn.q_norm.weight", {heads.width}));
    layer["self_attention.k_layernorm.weight"] = norm(hf("self_attn.k_norm.weight", {heads.width}));
  }
  layer["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {a.hidden, query}));
}

// `name` + "gate_proj" and so on, as "linear_fc1" and "linear_fc2" of `layer`.
void gated_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const std::string& name, std::int64_t width, std::int64_t hidden) {
  layer["linear_fc1.weight"] = column(concat(hf(name + "gate_proj.weight", {width, hidden}), hf(name + "up_proj.weight", {width, hidden})));
  layer["linear_fc2.weight"] = row(hf(name + "down_proj.weight", {hidden, width}));
}

void dense_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Geometry& g) {
  layer["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {g.hidden}));
  gated_equations(layer.under("mlp."), hf, "mlp.", g.ffn, g.hidden);
}

// One tensor holds a projection of all experts.
void mixture_equations(const MegatronLayer& layer, const HuggingFaceLayer& hf, const Geometry& g, bool bias) {
  layer["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {g.hidden}));
  layer["mlp.router.weight"] = replicated(hf("moe.gate.weight", {g.experts, g.hidden}));
  // A buffer that Megatron counts up in float32, whatever the weights are in.
  if (bias)
    layer["mlp.router.expert_bias"] =
        Parameter{cast(hf("moe.router_bias", {g.experts}), WB_DTYPE_F32), WB_SPLIT_NONE, WB_EXTRA_ABSENT, WB_KEEP_DTYPE};
  const Dimensions wide{g.expert_width, g.hidden}, narrow{g.hidden, g.expert_width};
  const auto gate = hf("moe.gate_proj.weight", {g.experts, wide[0], wide[1]}), up = hf("moe.up_proj.weight", {g.experts, wide[0], wide[1]}),
             down = hf("moe.down_proj.weight", {g.experts, narrow[0], narrow[1]});
  const auto of = [](const Tensor& all, std::int64_t e, const Dimensions& shape) { return reshape(slice(all, 0, e, e + 1), shape); };
  grouped_experts(layer, g.experts,
      [&](std::int64_t e) { return concat(of(gate, e, wide), of(up, e, wide)); },
      [&](std::int64_t e) { return of(down, e, narrow); });
  gated_equations(layer.under("mlp.shared_experts."), hf, "share_expert.", g.shared_width, g.hidden);
}

struct Step35 {
  static constexpr std::string_view id = "step35";
  static constexpr std::string_view architectures[] = {"Step3p5ForCausalLM"};
  static constexpr std::string_view model_types[] = {"step3p5"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { stepfun::config_to_megatron(hf, megatron, notes); }
  static void to_hugging_face(Config megatron, Config hf, Notes notes) { stepfun::config_to_hugging_face(megatron, hf, notes); }
  static bool recognises(const Config& megatron) {
    return names_no_builder(megatron) ? megatron.has("sliding_attention_setting") : is_built_by(megatron, "Step35ModelProvider");
  }

  static void forward_hugging_face(const Config& c, Forward& run) { stepfun::forward_hugging_face(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { stepfun::forward_megatron(megatron, run); }

  static void equations(const Config& c, Model& model) {
    const auto megatron = model.megatron();
    const auto predictions = megatron.integer("mtp_num_layers", stepfun::predictions_of(c).value_or(0));
    const auto g = stepfun::geometry_of(c, predictions);
    const auto hidden = g.hidden, rows = c.integer("vocab_size", 128815), layers = static_cast<std::int64_t>(g.layers.size());
    const Attention attention{hidden, c.flag("use_head_wise_attn_gate", true), megatron.flag("qk_layernorm", stepfun::has_head_norms(c))};
    const auto* head = c.flag("tie_word_embeddings") ? "model.embed_tokens.weight" : "lm_head.weight";
    const bool bias = megatron.flag("moe_router_enable_expert_bias", stepfun::has_router_bias(c, g));

    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", layers)) {
      const auto& layer = g.layers[static_cast<std::size_t>(index)];
      attention_equations(decoder, hf, attention, g.heads(layer));
      if (layer.mixture) mixture_equations(decoder, hf, g, bias);
      else dense_equations(decoder, hf, g);
    }
    for (std::int64_t k = 0; k < predictions; ++k) {
      const auto [mtp, hf, number] = model.layer("mtp.layers.", k, predictions, "model.layers.", layers + k);
      mtp["enorm.weight"] = norm(hf("enorm.weight", {hidden}));
      mtp["hnorm.weight"] = norm(hf("hnorm.weight", {hidden}));
      mtp["eh_proj.weight"] = column(hf("eh_proj.weight", {hidden, 2 * hidden}));
      attention_equations(mtp.under("transformer_layer."), hf, attention, g.heads(g.predictions[static_cast<std::size_t>(k)]));
      dense_equations(mtp.under("transformer_layer."), hf, g);
      mtp["final_layernorm.weight"] = norm(hf("transformer.shared_head.norm.weight", {hidden}));
      model.copy(hf.name("transformer.shared_head.output.weight"), head, "Megatron's prediction layers share the model's output layer");
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Step35>("stepfun", "1.0.0"); }
