// Gemma 3 VL: SigLIP, a norm and a projection, Gemma 3.
//
//   The patches of an image are averaged down to mm_tokens_per_image, normed (x * (1 + w) on both sides) and projected.

#include "gemma3_vl.hpp"

#include "composition.hpp"
#include "siglip.hpp"

namespace multimodal {
namespace {

constexpr std::int64_t kHidden = 2304;  // Gemma3TextConfig's

Part language_model() {
  return {"Gemma3ForCausalLM", "text_config", {"torch_dtype", "dtype", "tie_word_embeddings", "quantization_config"}, {},
          "language_model.", {}};
}

std::int64_t text_width(const Config& c) { return c.integer("text_config.hidden_size", kHidden); }

}  // namespace

void Gemma3Vl::to_megatron(Config hf, Config megatron, Notes) {
  hf.part(language_model());
  megatron.set("_target_", "megatron.bridge.models.gemma_vl.gemma3_vl_provider.Gemma3VLModelProvider");
  megatron.set("make_vocab_size_divisible_by", 128);
  keep_object(megatron, "vision_config", "vision_config", "transformers.models.siglip.configuration_siglip.SiglipVisionConfig");
  megatron.set("vision_config.vision_use_head", false);
  megatron.set("vision_projector_config._target_", "megatron.bridge.models.gemma_vl.modeling_gemma3_vl.Gemma3VLMultimodalProjectorConfig");
  megatron.set("vision_projector_config.input_size", siglip_width(hf, "vision_config"));
  megatron.set("vision_projector_config.hidden_size", text_width(hf));
  megatron.set("vision_projector_config.ffn_hidden_size", 10240);  // it has neither; what a hidden size of 2560, its class's, gives
  megatron.set("vision_projector_config.kv_channels", 320);
  megatron.set("mm_tokens_per_image", hf.integer("mm_tokens_per_image", 256));
  // Megatron-Bridge does not read boi_token_index and eoi_token_index, which only its processor uses.
  megatron.set("vision_start_token_id", hf.integer("vision_start_token_id", 255999));
  megatron.set("vision_end_token_id", hf.integer("vision_end_token_id", 256000));
  megatron.set("image_token_id", hf.integer("image_token_index", hf.integer("image_token_id", 262144)));
  if (!megatron.adopt("bos_token_id", "bos_token_id")) megatron.set("bos_token_id", 0);
  if (!megatron.adopt("eos_token_id", "eos_token_id")) megatron.set("eos_token_id", 1);
}

void Gemma3Vl::to_hugging_face(Config megatron, Config hf, Notes) {
  hf.part(language_model());
  hf.set("text_config.model_type", "gemma3_text");
  hf.adopt("vision_config", "vision_config");
  hf.set("vision_config.model_type", "siglip_vision_model");
  hf.set("mm_tokens_per_image", megatron.integer("mm_tokens_per_image", 256));
  hf.set("boi_token_index", megatron.integer("vision_start_token_id", 255999));
  hf.set("eoi_token_index", megatron.integer("vision_end_token_id", 256000));
  hf.set("image_token_index", megatron.integer("image_token_id", 262144));
  hf.adopt("bos_token_id", "bos_token_id");
  hf.adopt("eos_token_id", "eos_token_id");
}

void Gemma3Vl::equations(const Config& c, Model& model) {
  const auto decoder = beginning(model, {"language_model.model.", "model.language_model."}, "embed_tokens.weight");
  const auto head = beginning(model, {"language_model.lm_head.", "lm_head."}, "weight");
  auto text = language_model();
  text.renames = {{"model.", decoder}, {"lm_head.", head}};
  model.part(text);

  const auto tower = beginning(model, {"vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.", "model.vision_tower."},
                               "embeddings.patch_embedding.weight");
  siglip_equations(c, "vision_config", {model, "vision_tower.", tower});
  model.carried(tower + "head.*", "Megatron-Bridge builds SigLIP without its pooling head");
  model.dropped(tower + "embeddings.position_ids", "counted from 0; old checkpoints carry it");

  const auto projector = beginning(model, {"multi_modal_projector.", "model.multi_modal_projector."}, "mm_soft_emb_norm.weight");
  const auto width = siglip_width(c, "vision_config"), hidden = text_width(c);
  model["multi_modal_projector.mm_soft_embed_norm.weight"] = norm(model.tensor(projector + "mm_soft_emb_norm.weight", {width}));
  model["multi_modal_projector.proj.weight"] =
      Parameter{transpose(model.tensor(projector + "mm_input_projection_weight", {width, hidden})), WB_SPLIT_AXIS_0, WB_EXTRA_NONE, 0};
}

void Gemma3Vl::forward_hugging_face(const Config&, Forward& run) {
  auto text = language_model();
  const auto decoder = beginning(run, {"language_model.model.", "model.language_model."}, "embed_tokens.weight"), head = beginning(run, {"language_model.lm_head.", "lm_head."}, "weight");
  text.renames = {{"model.", decoder}, {"lm_head.", head}};
  forward_language_model(run, text);
}
void Gemma3Vl::forward_megatron(const Config&, Forward& run) { forward_megatron_language_model(run, "Gemma3ForCausalLM"); }

bool Gemma3Vl::recognises(const Config& megatron) { return is_built_by(megatron, "Gemma3VLModelProvider"); }

}  // namespace multimodal
