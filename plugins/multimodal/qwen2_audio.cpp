// Qwen2-Audio: Whisper's encoder, a linear projection, Qwen2.
//
//   Two of the encoder's outputs are averaged into one; projected, they take the places of the audio token.

#include "qwen2_audio.hpp"

#include "composition.hpp"
#include "whisper_encoder.hpp"

namespace multimodal {
namespace {

constexpr std::int64_t kHidden = 4096;  // Qwen2Config's, which the published text_config relies on

Part language_model() {
  return {"Qwen2ForCausalLM", "text_config", {"torch_dtype", "dtype", "quantization_config"}, {}, "language_model.",
          {{"vocab_size", 151936}, {"hidden_size", kHidden}, {"intermediate_size", 22016}, {"num_hidden_layers", 32},
           {"num_attention_heads", 32}, {"num_key_value_heads", 32}, {"max_position_embeddings", 32768}}};
}

}  // namespace

void Qwen2Audio::to_megatron(Config hf, Config megatron, Notes) {
  hf.part(language_model());
  megatron.set("_target_", "megatron.bridge.models.qwen_audio.qwen2_audio_provider.Qwen2AudioModelProvider");
  keep_object(megatron, "hf_config", "", "transformers.models.qwen2_audio.configuration_qwen2_audio.Qwen2AudioConfig");
  for (const auto* dtype : {"hf_config.dtype", "autocast_dtype"}) megatron.set(dtype, megatron.string("params_dtype", "float32"));
  megatron.set("audio_token_id", hf.integer("audio_token_index", 151646));
  megatron.set("bos_token_id", hf.integer("bos_token_id", 151643));
  megatron.set("eos_token_id", hf.integer("eos_token_id", 151645));
  megatron.set("pad_token_id", hf.integer("pad_token_id", 151643));
}

// The Megatron model keeps the whole configuration; of the language model the fields count that a run computes with.
void Qwen2Audio::to_hugging_face(Config megatron, Config hf, Notes) {
  for (const auto* field : {"ignore_index", "audio_config", "text_config.bos_token_id", "text_config.eos_token_id", "text_config.pad_token_id"})
    hf.adopt(field, std::string{"hf_config."} + field);
  hf.part(language_model());
  hf.set("text_config.model_type", "qwen2");
  hf.set("audio_config.model_type", "qwen2_audio_encoder");
  hf.set("audio_token_index", megatron.integer("audio_token_id", 151646));
  hf.set("vocab_size", megatron.integer("vocab_size"));
}

void Qwen2Audio::equations(const Config& c, Model& model) {
  auto text = language_model();
  const auto decoder = beginning(model, {"language_model.model.", "language_model.model.model.", "model.language_model."}, "embed_tokens.weight");
  const auto head = beginning(model, {"language_model.lm_head.", "lm_head."}, "weight");
  text.renames = {{"model.", decoder}, {"lm_head.", head}};
  model.part(text);

  const auto tower = beginning(model, {"audio_tower.", "model.audio_tower."}, "conv1.weight");
  whisper_encoder_equations(c, "audio_config", {model, "audio_tower.", tower});
  const auto projector = beginning(model, {"multi_modal_projector.", "model.multi_modal_projector."}, "linear.weight");
  KeptModule{model, "multi_modal_projector.", projector}.with_bias(
      "linear", {c.integer("text_config.hidden_size", kHidden), whisper_encoder_width(c, "audio_config")});
}

void Qwen2Audio::forward_hugging_face(const Config&, Forward& run) {
  auto text = language_model();
  const auto decoder = beginning(run, {"language_model.model.", "language_model.model.model.", "model.language_model."}, "embed_tokens.weight"), head = beginning(run, {"language_model.lm_head.", "lm_head."}, "weight");
  text.renames = {{"model.", decoder}, {"lm_head.", head}};
  forward_language_model(run, text);
}
void Qwen2Audio::forward_megatron(const Config&, Forward& run) { forward_megatron_language_model(run, "Qwen2ForCausalLM"); }

bool Qwen2Audio::recognises(const Config& megatron) { return is_built_by(megatron, "Qwen2AudioModelProvider"); }

}  // namespace multimodal
