// Kimi K3's language model.
//
//   Attention of a layer is Kimi Delta Attention, a gated linear one behind short convolutions, or latent attention that is told no
//   positions and whose result is gated. Before each half of a layer a learned sum of earlier results is taken as the residual. Experts work
//   in a narrower space; what they give is normalised before it is widened again; shared experts see every token.
//
// Megatron-Bridge's own layers keep Hugging Face's names of attention. What sees pictures is kept beside the Megatron checkpoint.

#include <weighbridge/experts.hpp>
#include <weighbridge/family.hpp>
#include <weighbridge/latent_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/translation.hpp>

#include <algorithm>
#include <string>

#include "translation.hpp"

namespace {

using namespace weighbridge;
using kimi_k3::text;

// What stays in float32 whatever the weights are in, and is cut by heads.
Parameter single(const Tensor& value) { return {cast(value, WB_DTYPE_F32), WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, WB_KEEP_DTYPE}; }

struct Sizes {
  std::int64_t hidden{}, heads{}, width{}, kernel{};  // of Kimi Delta Attention
  mla::Attention latent;
  std::int64_t features() const { return heads * width; }
};

Sizes sizes_of(const Config& c) {
  const auto of_linear = [&](const char* field) { return c.integer(text(std::string{"linear_attn_config."} + field)); };
  const auto hidden = c.integer(text("hidden_size"));
  return {hidden, of_linear("num_heads"), of_linear("head_dim"), of_linear("short_conv_kernel_size"),
          {hidden, c.integer(text("num_attention_heads")), c.integer(text("q_lora_rank")), c.integer(text("kv_lora_rank")), c.integer(text("qk_nope_head_dim")),
           c.integer(text("qk_rope_head_dim")), c.integer(text("v_head_dim"))}};
}

// Published files hold more entries than heads, zeros behind the last.
std::int64_t decay_entries(const HuggingFaceLayer& hf, const Sizes& s) {
  const auto found = hf.source("self_attn.A_log");
  return found && found->shape.size() == 1 ? std::max(found->shape[0], s.heads) : s.heads;
}

void delta_attention(const MegatronLayer& to, const HuggingFaceLayer& hf, const Sizes& s) {
  const auto from = [&](const std::string& name, const Dimensions& shape) { return hf("self_attn." + name, shape); };
  const auto features = s.features();
  for (const std::string each : {"q", "k", "v"}) {
    to[each + "_proj.weight"] = column(from(each + "_proj.weight", {features, s.hidden}));
    to[each + "_conv1d.weight"] = single(from(each + "_conv1d.weight", {features, 1, s.kernel}));
  }
  to["f_a_proj.weight"] = mla::duplicated(from("f_a_proj.weight", {s.width, s.hidden}));
  to["f_b_proj.weight"] = column(from("f_b_proj.weight", {features, s.width}));
  to["b_proj.weight"] = column(from("b_proj.weight", {s.heads, s.hidden}));
  to["g_proj.weight"] = column(from("g_proj.weight", {features, s.hidden}));
  const auto entries = decay_entries(hf, s);
  const auto decay = from("A_log", {entries});
  to["A_log"] = single(entries > s.heads ? slice(decay, 0, 0, s.heads) : decay);
  to["dt_bias"] = single(from("dt_bias", {features}));
  to["o_norm.weight"] = replicated(from("o_norm.weight", {s.width}));
  to["o_proj.weight"] = row(from("o_proj.weight", {s.hidden, features}));
}

void latent_attention(const MegatronLayer& to, const HuggingFaceLayer& hf, const mla::Attention& a) {
  const auto from = [&](const char* name, const Dimensions& shape) { return hf(std::string{"self_attn."} + name, shape); };
  const auto rank = *a.query_rank;
  to["q_a_proj.weight"] = mla::duplicated(from("q_a_proj.weight", {rank, a.hidden}));
  to["q_a_layernorm.weight"] = replicated(from("q_a_layernorm.weight", {rank}));
  to["q_b_proj.weight"] = column(from("q_b_proj.weight", {a.query_rows(), rank}));
  to["kv_a_proj_with_mqa.weight"] = mla::duplicated(from("kv_a_proj_with_mqa.weight", {a.rank + a.rope, a.hidden}));
  to["kv_a_layernorm.weight"] = replicated(from("kv_a_layernorm.weight", {a.rank}));
  to["kv_b_proj.weight"] = column(from("kv_b_proj.weight", {a.heads * (a.nope + a.value), a.rank}));
  to["g_proj.weight"] = column(from("g_proj.weight", {a.heads * a.value, a.hidden}));
  to["o_proj.weight"] = row(from("o_proj.weight", {a.hidden, a.heads * a.value}));
}

void mixture(const Config& c, const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t hidden) {
  const auto experts = c.integer(text("num_experts")), width = c.integer(text("moe_intermediate_size")), latent = c.integer(text("routed_expert_hidden_size"));
  const auto to = layer.under("mlp.");
  const auto from = [&](const std::string& name, const Dimensions& shape) { return hf("block_sparse_moe." + name, shape); };
  to["router.weight"] = replicated(from("gate.weight", {experts, hidden}));
  // A buffer that Megatron counts up in float32, whatever the weights are in.
  to["router.expert_bias"] =
      Parameter{cast(from("gate.e_score_correction_bias", {experts}), WB_DTYPE_F32), WB_SPLIT_NONE, WB_EXTRA_ABSENT, WB_KEEP_DTYPE};
  to["fc1_latent_proj.weight"] = mla::duplicated(from("routed_expert_down_proj.weight", {latent, hidden}));
  to["routed_expert_norm.weight"] = replicated(from("routed_expert_norm.weight", {latent}));
  to["fc2_latent_proj.weight"] = mla::duplicated(from("routed_expert_up_proj.weight", {hidden, latent}));
  const auto of = [&](std::int64_t e, const char* projection) { return "experts." + std::to_string(e) + projection; };
  grouped_experts(layer, experts,
      [&](std::int64_t e) { return concat(from(of(e, ".w1.weight"), {width, latent}), from(of(e, ".w3.weight"), {width, latent})); },
      [&](std::int64_t e) { return from(of(e, ".w2.weight"), {latent, width}); });
  gated_projections(to.under("shared_experts."), hf, "block_sparse_moe.shared_experts.", c.integer(text("num_shared_experts")) * width, hidden);
}

// A norm and a weight of what is summed up in place of a residual.
void residual(const MegatronLayer& layer, const std::string& to, const Tensor& norm_weight, const Tensor& projection) {
  layer[to + "_norm.weight"] = replicated(norm_weight);
  layer[to + "_proj.weight"] = replicated(projection);
}

struct K3 {
  static constexpr std::string_view id = "kimi_k3";
  static constexpr std::string_view architectures[] = {"KimiK3ForConditionalGeneration"};
  static constexpr std::string_view model_types[] = {"kimi_k3"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    kimi_k3::config_to_megatron(hf, megatron);
    notes("Megatron holds the language model of Kimi K3 alone; the tensors of what sees are kept beside it");
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { kimi_k3::config_to_hugging_face(megatron, hf); }
  static bool recognises(const Config& megatron) {
    return (names_no_builder(megatron) || is_built_by(megatron, "KimiK3ModelProvider")) && megatron.has("kimi_kda_layers") && megatron.has("moe_latent_size");
  }

  static void equations(const Config& c, Model& model) {
    const auto sizes = sizes_of(c);
    const auto hidden = sizes.hidden, rows = c.integer(text("vocab_size")), layers = c.integer(text("num_hidden_layers"));
    const auto kinds = kimi_k3::layers_of(c);
    const std::string at = "language_model.model.";
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor(at + "embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", at + "layers.", layers)) {
      const auto place = static_cast<std::size_t>(index);
      decoder["input_layernorm.weight"] = norm(hf("input_layernorm.weight", {hidden}));
      if (kinds.linear.at(place)) {
        delta_attention(decoder.under("self_attention."), hf, sizes);
        if (decay_entries(hf, sizes) > sizes.heads) model.zeros(hf.name("self_attn.A_log"), "entries behind those of the heads are zeros");
      } else {
        latent_attention(decoder.under("self_attention."), hf, sizes.latent);
      }
      decoder["pre_mlp_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));
      if (kinds.mixture.at(place)) mixture(c, decoder, hf, hidden);
      else gated_projections(decoder.under("mlp."), hf, "mlp.", c.integer(text("intermediate_size")), hidden);
      for (const std::string half : {"self_attention_res", "mlp_res"})
        residual(decoder, half, hf(half + "_norm.weight", {hidden}), hf(half + "_proj.weight", {1, hidden}));
      if (index == layers - 1)  // Megatron-Bridge puts it into the last layer
        residual(decoder, "output_attn_res", model.tensor(at + "output_attn_res_norm.weight", {hidden}), model.tensor(at + "output_attn_res_proj.weight", {1, hidden}));
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor(at + "norm.weight", {hidden}));
    model["output_layer.weight"] = vocabulary(model.tensor("language_model.lm_head.weight", {rows, hidden}));
    for (const auto* seeing : {"vision_tower.*", "mm_projector.*"}) model.carried(seeing, "Megatron holds the language model alone");
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<K3>("kimi_k3", "1.0.0"); }
