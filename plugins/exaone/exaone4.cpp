// EXAONE 4: norms behind attention and feed-forward, none before them.
//
//   x + norm(attention(x)),  x + norm(down(silu(gate(x)) * up(x))),  RMSNorm, also of each head of q and k, grouped queries.
//
// The larger model attends to a window in most layers, and tells positions to these only (layer_kinds.hpp).

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>
#include <weighbridge/forward/separate_projections.hpp>
#include <weighbridge/forward/stated_rotary.hpp>
#include <weighbridge/grouped_attention.hpp>
#include <weighbridge/mixture.hpp>
#include <weighbridge/rope_translation.hpp>

#include <string>

#include "exaone_moe.hpp"
#include "layer_kinds.hpp"

namespace {

using namespace weighbridge;

constexpr std::int64_t kGroups = 32, kContext = 2048;  // where a config.json does not say
constexpr double kEpsilon = 1e-5;
constexpr auto kRope = every_scaling(10000.0, "llama3");
constexpr std::string_view kLayerSpec = "megatron.bridge.models.exaone.exaone4.exaone4_provider.exaone4_layer_spec";

struct Exaone4 {
  static constexpr std::string_view id = "exaone4";
  static constexpr std::string_view architectures[] = {"Exaone4ForCausalLM"};
  static constexpr std::string_view model_types[] = {"exaone4"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    megatron.set("transformer_layer_spec._call_", false);
    megatron.set("transformer_layer_spec._target_", kLayerSpec);
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    megatron.set("layernorm_epsilon", hf.number("rms_norm_eps", kEpsilon));
    attention_to_megatron(hf, megatron, kGroups, kContext);
    dtype_to_megatron(hf, megatron);
    megatron.set("autocast_dtype", "bfloat16");  // whatever the weights are
    megatron.set("add_qkv_bias", false);
    megatron.set("qk_layernorm", true);
    rope_to_megatron(hf, megatron, notes, kRope);
    if (const auto kinds = exaone::kinds_of(hf, hf.integer("num_hidden_layers")); kinds.window) exaone::kinds_to_megatron(kinds, megatron);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    rope_to_hugging_face(megatron, hf, kRope);
    exaone::kinds_to_hugging_face(megatron, hf);
  }

  // Nothing but the layers' own specification tells where the norms are.
  static bool recognises(const Config& megatron) {
    return megatron.string("transformer_layer_spec._target_", "") == kLayerSpec && !megatron.has("num_moe_experts");
  }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
    const GroupedAttention attention{hidden, c.integer("num_attention_heads"), c.integer("num_key_value_heads", kGroups), head_width(c)};

    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      grouped_projections(decoder, hf, attention);
      head_norms(decoder, hf, attention.width);
      decoder["self_attention.core_attention"] = module_state(WB_EXTRA_ABSENT);  // Megatron-Core's own, not Transformer Engine's
      decoder["self_attention.linear_proj.post_layernorm.weight"] = norm(hf("post_attention_layernorm.weight", {hidden}));
      gated_projections(decoder.under("mlp."), hf, "mlp.", ffn, hidden);
      decoder["mlp.linear_fc2.post_layernorm.weight"] = norm(hf("post_feedforward_layernorm.weight", {hidden}));
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), rows, hidden);
  }

  static void forward_hugging_face(const Config& c, Forward& run) {
    const auto layers = c.integer("num_hidden_layers"), heads = attention_heads(c), width = head_width(c);
    const auto kinds = exaone::kinds_of(c, layers);
    const auto rotary = forward::stated_rotary(c, kRope.theta, width, kRope.slowed);
    const forward::Norm norm{.epsilon = static_cast<float>(c.number("rms_norm_eps", kEpsilon))};
    const auto normed = [&](const forward::Matrix& x, const std::string& name) { return forward::rms_norm(x, run.values(name), norm); };
    auto x = run.embedded("model.embed_tokens.weight");
    run.state(-1, x);
    for (std::int64_t i = 0; i < layers; ++i) {
      const auto layer = "model.layers." + std::to_string(i) + ".";
      const auto attention = forward::grouped_queries(heads, c.integer("num_key_value_heads", kGroups), width, kinds.has_window(i) ? *kinds.window : 0);
      const auto positions = kinds.has_positions(i) ? rotary : forward::Rotary{};
      forward::add(x, normed(forward::separate_attention(run, layer + "self_attn.", x, attention, positions, norm), layer + "post_attention_layernorm.weight"));
      forward::add(x, normed(forward::separate_gated(run, layer + "mlp.", x), layer + "post_feedforward_layernorm.weight"));
      run.state(i, x);
    }
    run.logits(forward::output(run, normed(x, "model.norm.weight"), c.flag("tie_word_embeddings")));
  }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Exaone4, exaone::ExaoneMoe>("exaone", "1.0.0"); }
