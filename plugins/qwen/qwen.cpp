// Qwen2, Qwen2.5 and Qwen3, dense.

#include "decoder.hpp"
#include "decoder_forward.hpp"
#include "qwen3_moe.hpp"

namespace {

using namespace weighbridge;
using qwen::Generation;

// head_dim is 128 in Qwen3 where the config does not say; in Qwen2 it follows from the heads.
qwen::Heads heads_of(const Config& c, Generation generation) {
  return {c.integer("num_attention_heads"), c.integer("num_key_value_heads", 32),
          generation == Generation::qwen3 ? c.integer("head_dim", 128) : head_width(c)};
}

void decoder_equations(const Config& c, const Model& model, Generation generation) {
  const auto hidden = c.integer("hidden_size"), ffn = c.integer("intermediate_size");
  for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", c.integer("num_hidden_layers"))) {
    qwen::attention_equations(decoder, hf, hidden, heads_of(c, generation), generation);
    gated_mlp(decoder, hf, ffn, hidden);
  }
  qwen::outer_equations(c, model);
}

void forward_dense(const Config& c, const Forward& run, Generation generation) {
  qwen::forward_decoder(c, run, heads_of(c, generation), generation,
                        [&](std::int64_t, const std::string& at, const forward::Matrix& x) { return forward::separate_gated(run, at, x); });
}

bool is_dense(const Config& megatron, Generation generation) {
  return qwen::is_decoder(megatron, generation) && qwen::is_plain(megatron) && !megatron.has("num_moe_experts");
}

struct Qwen2 {
  static constexpr std::string_view id = "qwen2";
  static constexpr std::string_view architectures[] = {"Qwen2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    qwen::config_to_megatron(hf, megatron, notes, heads_of(hf, Generation::qwen2), Generation::qwen2);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { qwen::config_to_hugging_face(megatron, hf); }
  static bool recognises(const Config& megatron) { return is_dense(megatron, Generation::qwen2); }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::qwen2); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_dense(c, run, Generation::qwen2); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

struct Qwen3 {
  static constexpr std::string_view id = "qwen3";
  static constexpr std::string_view architectures[] = {"Qwen3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen3"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    qwen::config_to_megatron(hf, megatron, notes, heads_of(hf, Generation::qwen3), Generation::qwen3);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) {
    qwen::config_to_hugging_face(megatron, hf);
    hf.set("attention_bias", false);
  }
  static bool recognises(const Config& megatron) { return is_dense(megatron, Generation::qwen3); }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, Generation::qwen3); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_dense(c, run, Generation::qwen3); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Qwen2, Qwen3, qwen::Qwen3Moe>("qwen", "1.0.0"); }
