// The smallest family that converts: a dense decoder of RMSNorm, gated MLP, rotary embedding and grouped queries.
// Rename it, then state your model's tensors in equations() and what its config.json says in the two translations.

#include <weighbridge/family.hpp>
#include <weighbridge/translation.hpp>

namespace {

using namespace weighbridge;

struct MyFamily {
  static constexpr std::string_view id = "my_family";
  static constexpr std::string_view architectures[] = {"MyFamilyForCausalLM"};
  static constexpr std::string_view model_types[] = {"my_family"};
  static constexpr std::string_view provider = "my_package.MyFamilyProvider";

  static void to_megatron(Config hf, Config megatron, Notes) {
    if (const auto rope = rope_of(hf, 10000.0); rope.type != "default")
      throw Failure(rope.at + " is of type " + rope.type + "; this family has the default alone");
    megatron.set("_target_", provider);
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, 0, 4096);
    dtype_to_megatron(hf, megatron);
    megatron.set("rotary_base", rope_of(hf, 10000.0).theta);
  }

  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  }

  static bool recognises(const Config& megatron) { return megatron.string("_target_", "") == provider; }

  static void equations(const Config& c, Model& model) {
    const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size"), rows = c.integer("vocab_size");
    const auto heads = c.integer("num_attention_heads"), groups = c.integer("num_key_value_heads", heads);
    const auto query = heads * head_width(c), key = groups * head_width(c);

    model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
      decoder["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {hidden}));
      decoder["self_attention.linear_qkv.weight"] = column(interleave(groups,
          hf("self_attn.q_proj.weight", {query, hidden}),
          hf("self_attn.k_proj.weight", {key, hidden}),
          hf("self_attn.v_proj.weight", {key, hidden})));
      decoder["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {hidden, query}));
      decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {hidden}));
      decoder["mlp.linear_fc1.weight"] = column(concat(hf("mlp.gate_proj.weight", {ffn, hidden}), hf("mlp.up_proj.weight", {ffn, hidden})));
      decoder["mlp.linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {hidden, ffn}));
    }
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.norm.weight", {hidden}));
    if (c.flag("tie_word_embeddings")) model.tied("lm_head.weight", "model.embed_tokens.weight", "tie_word_embeddings");
    else model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {rows, hidden}));
  }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<MyFamily>("my_family", "1.0.0"); }
