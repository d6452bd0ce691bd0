// Phi-3, Phi-3.5, Phi-4 and Phi-4-mini.
//
//   Llama's block, whose q, k and v are one matrix and whose gate and up are another; rotary embedding of a part of each head.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/translation.hpp>

#include "decoder_forward.hpp"
#include "longrope.hpp"

namespace {

using namespace weighbridge;

void layer_equations(const MegatronLayer& decoder, const HuggingFaceLayer& hf, const GroupedAttention& a, std::int64_t ffn) {
  const auto hidden = a.hidden;
  decoder["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {hidden}));
  decoder["self_attention.linear_qkv.weight"] = column(by_group(hf("self_attn.qkv_proj.weight", {a.query() + 2 * a.key(), hidden}), a));
  decoder["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {hidden, a.query()}));
  const auto gate_up = hf("mlp.gate_up_proj.weight", {2 * ffn, hidden});
  decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
  // Tensor parallelism cuts gate and up each.
  decoder["mlp.linear_fc1.weight"] = column(concat(slice(gate_up, 0, 0, ffn), slice(gate_up, 0, ffn, 2 * ffn)));
  decoder["mlp.linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {hidden, ffn}));
}

struct Phi3 {
  static constexpr std::string_view id = "phi3";
  static constexpr std::string_view architectures[] = {"Phi3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"phi3"};

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
    const auto heads = attention_heads(c);
    const GroupedAttention attention{hidden, heads, c.integer("num_key_value_heads", heads), head_width(c)};
    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      layer_equations(decoder, hf, attention, ffn);
      model.dropped(hf.name("self_attn.rotary_emb.inv_freq"), "computed from rope_theta; old checkpoints carry it");
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    megatron.set("_target_", "megatron.bridge.models.gpt_provider.GPTModelProvider");
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", 1e-5));
    attention_to_megatron(hf, megatron, 0, 4096);
    dtype_to_megatron(hf, megatron);
    for (const auto* bias : {"attention_bias", "mlp_bias", "lm_head_bias"})
      if (hf.flag(bias)) throw Failure(std::string{bias} + " is true; Phi has no biases in its equations");
    megatron.set("hidden_dropout", hf.number("resid_pdrop", 0.0));
    if (const auto dropout = hf.number("embd_pdrop", 0.0); dropout != hf.number("resid_pdrop", 0.0))
      notes("embd_pdrop differs from resid_pdrop; Megatron has one hidden_dropout for both and gets resid_pdrop");
    megatron.set("rotary_percent", turned_share(hf));
    if (const auto window = hf.find_integer("sliding_window")) window_size_to_megatron(*window, megatron);
    phi::rope_to_megatron(hf, megatron, notes);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("attention_bias", false);
    hf.set("resid_pdrop", megatron.number("hidden_dropout", 0.0));
    hf.set("embd_pdrop", megatron.number("hidden_dropout", 0.0));
    hf.set("partial_rotary_factor", megatron.number("rotary_percent", 1.0));
    sliding_window_to_hugging_face(megatron, hf);
    phi::rope_to_hugging_face(megatron, hf);
  }

  // A Phi whose heads are turned whole and that has no window is a Llama to Megatron, and Llama's plugin gives it back as one.
  static bool recognises(const Config& megatron) {
    for (const auto* other : {"num_moe_experts", "window_attn_skip_freq", "no_rope_freq", "mamba_stack_spec", "experimental_attention_variant"})
      if (megatron.has(other)) return false;
    for (const auto* other : {"add_bias_linear", "add_qkv_bias", "qk_layernorm", "multi_latent_attention", "attention_output_gate", "is_hybrid_model",
                              "heterogeneous_block_specs", "layernorm_zero_centered_gamma"})
      if (megatron.flag(other)) return false;
    const auto layers = megatron.string("transformer_layer_spec._target_", "");
    const bool own = is_built_by(megatron, "GPTModelProvider") && (layers.empty() || layers.starts_with("megatron.bridge.models.gpt_provider."));
    return (own || names_no_builder(megatron)) && megatron.string("normalization", "") == "RMSNorm" && megatron.flag("gated_linear_unit") &&
           megatron.string("activation_func", "silu") == "silu" && megatron.integer("mtp_num_layers", 0) == 0 &&
           (megatron.number("rotary_percent", 1.0) < 1.0 || phi::is_longrope(megatron) || (own && megatron.has("window_size")));
  }

  static void forward_hugging_face(const Config& c, Forward& run) { phi::forward_decoder(c, run); }

  static void forward_megatron(const Config& megatron, Forward& run) {
    if (!phi::is_longrope(megatron)) return forward::megatron_gpt(megatron, run);
    run.note("Megatron-Core has no LongRoPE: compared is a model that turns positions by the factors that its document keeps; a run there turns "
             "them by rotary_base alone");
    const auto rotary = phi::kept_longrope(megatron, run.length());
    forward::megatron_gpt(megatron, run, {}, [&](std::int64_t, forward::MegatronAttention& attention) { attention.rotary = rotary; });
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Phi3>("phi", "1.0.0"); }
