// Qwen3-VL: a vision transformer, Qwen3 or Qwen3-MoE.
//
//   What the last merger gives takes the places of the image token; what the merger of the i-th deepstack layer gives is
//   added to those places after the i-th layer of the language model. Positions turn in three: time, height, width.

#include "qwen3_vl.hpp"

#include "composition.hpp"
#include "qwen3_vision.hpp"

namespace multimodal {
namespace {

constexpr std::string_view kTokens[] = {"image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id"};
constexpr std::int64_t kTokenDefaults[] = {151655, 151656, 151652, 151653};
constexpr std::int64_t kSections[] = {24, 20, 20};
constexpr double kBase = 500000.0;

// How one of the two differs from the other.
struct Kind {
  std::string_view architecture;  // of the language model
  std::string_view text_type;
  std::string_view module, prefix;  // of transformers' configuration classes
  std::string_view provider;
  std::vector<Default> sizes;     // of the text configuration's class
  bool experts{};
};

Kind dense() {
  return {"Qwen3ForCausalLM", "qwen3_vl_text", "qwen3_vl", "Qwen3VL", "Qwen3VLModelProvider",
          {{"vocab_size", 151936}, {"hidden_size", 4096}, {"intermediate_size", 22016}, {"num_hidden_layers", 32}, {"num_attention_heads", 32},
           {"num_key_value_heads", 32}, {"head_dim", 128}, {"max_position_embeddings", 128000}}, false};
}

Kind with_experts() {
  return {"Qwen3MoeForCausalLM", "qwen3_vl_moe_text", "qwen3_vl_moe", "Qwen3VLMoe", "Qwen3VLMoEModelProvider",
          {{"vocab_size", 151936}, {"hidden_size", 2048}, {"intermediate_size", 5632}, {"num_hidden_layers", 24}, {"num_attention_heads", 16},
           {"num_key_value_heads", 16}, {"max_position_embeddings", 128000}, {"moe_intermediate_size", 1408}, {"num_experts_per_tok", 4}}, true};
}

std::int64_t experts_of(const Config& c) { return c.integer("text_config.num_experts", c.integer("text_config.num_local_experts", 60)); }

Part language_model(const Kind& kind, const Config& c) {
  Part part{kind.architecture, "text_config", {"tie_word_embeddings", "torch_dtype", "dtype", "quantization_config"},
            {{"model.", "model.language_model."}}, "language_model.", kind.sizes};
  if (!c.has("text_config.rope_parameters.rope_theta")) part.defaults.push_back({"rope_theta", kBase});
  if (kind.experts) part.defaults.push_back({"num_experts", experts_of(c)});  // which new files call num_local_experts
  return part;
}

// Old files state the base beside rope_scaling, new ones within rope_parameters, which is what transformers' class takes.
std::string rope_to_megatron(const Config& hf, const Config& megatron) {
  const bool together = hf.has("text_config.rope_parameters");
  const std::string at = together ? "text_config.rope_parameters" : "text_config.rope_scaling";
  if (!megatron.adopt("rotary_base", together ? at + ".rope_theta" : "text_config.rope_theta")) megatron.set("rotary_base", kBase);
  megatron.set("position_embedding_type", "mrope");
  if (!megatron.adopt("mrope_section", at + ".mrope_section")) {
    megatron.set_list("mrope_section");
    for (int i = 0; i < 3; ++i) megatron.set(Config::at("mrope_section", i), kSections[i]);
  }
  if (!together) {
    const std::string kept = "hf_text_config.rope_parameters";
    if (!megatron.adopt(kept, at)) megatron.set(kept + ".rope_type", "default");
    if (!megatron.adopt(kept + ".rope_theta", "text_config.rope_theta")) megatron.set(kept + ".rope_theta", kBase);
  }
  return at;
}

void config_to_megatron(const Kind& kind, const Config& hf, const Config& megatron, const Notes& notes) {
  hf.part(language_model(kind, hf));
  megatron.set("_target_", "megatron.bridge.models.qwen_vl.qwen3_vl_provider." + std::string{kind.provider});
  const std::string module{kind.module}, classes = "transformers.models." + module + ".configuration_" + module + "." + std::string{kind.prefix};
  keep_object(megatron, "vision_config", "vision_config", classes + "VisionConfig");
  megatron.set("vision_config.model_type", module + "_vision");  // older files have the whole model's there
  keep_object(megatron, "hf_text_config", "text_config", classes + "TextConfig");
  for (const auto* dtype : {"vision_config.dtype", "hf_text_config.dtype", "autocast_dtype"})
    megatron.set(dtype, megatron.string("params_dtype", "float32"));

  const auto rope = rope_to_megatron(hf, megatron);
  if (megatron.has("yarn_rotary_scaling_factor"))
    notes(rope + " is of type yarn, which Megatron's Qwen3-VL does not compute: a run there sees unscaled positions");
  if (const auto activation = hf.string("vision_config.hidden_act", "gelu_pytorch_tanh"); activation != "gelu_pytorch_tanh")
    notes("vision_config.hidden_act is " + activation + "; Megatron's Qwen3-VL sees with gelu_pytorch_tanh");
  for (int i = 0; i < 4; ++i) megatron.set(kTokens[i], hf.integer(kTokens[i], kTokenDefaults[i]));
  for (const auto& [token, otherwise] : {std::pair{"bos_token_id", 151643}, std::pair{"eos_token_id", 151645}}) {
    if (megatron.adopt(token, std::string{"text_config."} + token)) continue;
    if (kind.experts) megatron.set_null(token);
    else megatron.set(token, otherwise);  // its text configuration knows no such field, and Megatron's default counts
  }
}

void config_to_hugging_face(const Kind& kind, const Config& megatron, const Config& hf) {
  hf.part(language_model(kind, hf));
  hf.set("text_config.model_type", kind.text_type);
  hf.set_object("text_config.rope_scaling");
  hf.set("text_config.rope_scaling.mrope_interleaved", true);
  hf.adopt("text_config.rope_scaling.mrope_section", "mrope_section");
  hf.set("text_config.rope_scaling.rope_type", "default");
  if (megatron.has("yarn_rotary_scaling_factor")) {
    hf.set("text_config.rope_scaling.rope_type", "yarn");
    for (const auto& [ours, theirs] : {std::pair{"rotary_scaling_factor", "factor"}, std::pair{"beta_fast", "beta_fast"},
                                       std::pair{"original_max_position_embeddings", "original_max_position_embeddings"},
                                       std::pair{"beta_slow", "beta_slow"}})
      hf.adopt(std::string{"text_config.rope_scaling."} + theirs, std::string{"yarn_"} + ours);
  }
  for (const auto* token : {"bos_token_id", "eos_token_id"}) hf.adopt(std::string{"text_config."} + token, token);
  hf.adopt("vision_config", "vision_config");
  for (int i = 0; i < 4; ++i) hf.set(kTokens[i], megatron.integer(kTokens[i], kTokenDefaults[i]));
}

void equations_of(const Kind& kind, const Config& c, const Model& model) {
  model.part(language_model(kind, c));
  Qwen3Vision{"vision_config", "model.visual.", "vision_model."}.equations(c, model);
}

bool squares(std::int64_t hidden, std::int64_t width) { return hidden == width || hidden == 2 * width; }

// Files hold the experts of a layer as two tensors, of which the language model's equations get the entries. Published are
// [experts, hidden, gate beside up] and [experts, width, hidden]; transformers writes both transposed. There are no numbers
// with which both fit both ways; but transformers looks at each alone and takes a square one for its own.
void unpack_experts(const Config& c, const Model& model) {
  const auto hidden = c.integer("text_config.hidden_size", 2048), width = c.integer("text_config.moe_intermediate_size", 1408);
  const auto experts = experts_of(c);
  for (std::int64_t i = 0; i < c.integer("text_config.num_hidden_layers", 24); ++i) {
    const auto name = "model.language_model.layers." + std::to_string(i) + ".mlp.experts.";
    if (model.source_has(name + "0.gate_proj.weight")) continue;  // each expert has tensors of its own
    const auto packed_gates = model.source(name + "gate_up_proj"), packed_down = model.source(name + "down_proj");
    const bool written = packed_gates && packed_down ? packed_gates->shape == Dimensions{experts, 2 * width, hidden} &&
                                                           packed_down->shape == Dimensions{experts, hidden, width}
                                                     : squares(hidden, width);
    const auto oriented = [&](const std::string& of, std::int64_t out, std::int64_t in) {
      return written ? model.tensor(of, {experts, out, in}) : transpose(model.tensor(of, {experts, in, out}), {0, 2, 1});
    };
    const auto gates = oriented(name + "gate_up_proj", 2 * width, hidden), down = oriented(name + "down_proj", hidden, width);
    for (std::int64_t e = 0; e < experts; ++e) {
      const auto expert = name + std::to_string(e);
      const auto both = reshape(slice(gates, 0, e, e + 1), {2 * width, hidden});
      model.substitute(expert + ".gate_proj.weight", slice(both, 0, 0, width));
      model.substitute(expert + ".up_proj.weight", slice(both, 0, width, 2 * width));
      model.substitute(expert + ".down_proj.weight", reshape(slice(down, 0, e, e + 1), {hidden, width}));
    }
  }
}

}  // namespace

void Qwen3Vl::to_megatron(Config hf, Config megatron, Notes notes) { config_to_megatron(dense(), hf, megatron, notes); }
void Qwen3Vl::to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(dense(), megatron, hf); }
void Qwen3Vl::equations(const Config& c, Model& model) { equations_of(dense(), c, model); }
void Qwen3Vl::forward_hugging_face(const Config& c, Forward& run) { forward_language_model(run, language_model(dense(), c)); }
void Qwen3Vl::forward_megatron(const Config&, Forward& run) { forward_megatron_language_model(run, dense().architecture); }
bool Qwen3Vl::recognises(const Config& megatron) { return is_built_by(megatron, "Qwen3VLModelProvider"); }

void Qwen3VlMoe::to_megatron(Config hf, Config megatron, Notes notes) {
  config_to_megatron(with_experts(), hf, megatron, notes);
  if (megatron.has("moe_layer_freq.0"))
    throw Failure("text_config.mlp_only_layers or decoder_sparse_step leaves layers without experts; "
                  "all layers of Megatron's Qwen3-VL-MoE have them");
  if (const auto hidden = megatron.integer("hidden_size"), width = megatron.integer("moe_ffn_hidden_size"); squares(hidden, width))
    notes("the packed tensors of experts are square in part; which way round they are the other part tells, while transformers and Megatron-Bridge "
          "take a square one for transposed");
  megatron.set("hf_text_config.num_experts", experts_of(hf));
  megatron.set("moe_router_pre_softmax", false);  // chosen scores always add up to one, whatever norm_topk_prob says
  megatron.set("head_dim", megatron.integer("kv_channels"));
}

void Qwen3VlMoe::to_hugging_face(Config megatron, Config hf, Notes) {
  config_to_hugging_face(with_experts(), megatron, hf);
  hf.set("text_config.norm_topk_prob", true);
}

void Qwen3VlMoe::equations(const Config& c, Model& model) {
  unpack_experts(c, model);
  equations_of(with_experts(), c, model);
}

// Chosen scores always add up to one, whatever norm_topk_prob says.
void Qwen3VlMoe::forward_hugging_face(const Config& c, Forward& run) {
  auto part = language_model(with_experts(), c);
  part.defaults.push_back({"norm_topk_prob", true});
  forward_language_model(run, part);
}
void Qwen3VlMoe::forward_megatron(const Config&, Forward& run) { forward_megatron_language_model(run, with_experts().architecture); }

bool Qwen3VlMoe::recognises(const Config& megatron) { return is_built_by(megatron, "Qwen3VLMoEModelProvider"); }

}  // namespace multimodal
