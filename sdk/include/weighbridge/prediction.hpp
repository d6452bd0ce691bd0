#pragma once
// Layers that predict further tokens, where Hugging Face numbers them after the others.

#include <weighbridge/model.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {

// What a layer that predicts one more token has around its transformer layer: eh_proj [norm(embedding) | norm(hidden)], and a norm behind.
inline void prediction_projection(const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t hidden, std::string_view final_norm) {
  layer["enorm.weight"] = norm(hf("enorm.weight", {hidden}));
  layer["hnorm.weight"] = norm(hf("hnorm.weight", {hidden}));
  layer["eh_proj.weight"] = column(hf("eh_proj.weight", {hidden, 2 * hidden}));
  layer["final_layernorm.weight"] = norm(hf(final_norm, {hidden}));
}

// The same where the layer shares the embedding and the output layer (`head`) of the model, whose copies some checkpoints hold.
inline void prediction_layer(const Model& model, const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t hidden,
                             std::string_view head = "lm_head.weight") {
  prediction_projection(layer, hf, hidden, "shared_head.norm.weight");
  model.copy(hf.name("embed_tokens.weight"), "model.embed_tokens.weight", "prediction layers share the embedding");
  model.copy(hf.name("shared_head.head.weight"), head, "prediction layers share the output layer");
}

// How many such layers a config.json and its tensors have: transformers leaves them out when it saves, though the config goes on counting.
inline std::int64_t predictions_in_source(const Config& hf) {
  const auto first = "model.layers." + std::to_string(hf.integer("num_hidden_layers")) + ".eh_proj.weight";
  return hf.has_source() && !hf.source_has(first) ? 0 : hf.integer("num_nextn_predict_layers", 0);
}

inline void prediction_layers_to_megatron(const Config& hf, const Config& megatron, const Notes& notes) {
  if (const auto predictions = predictions_in_source(hf); predictions > 0) megatron.set("mtp_num_layers", predictions);
  else if (hf.integer("num_nextn_predict_layers", 0) > 0)
    notes("num_nextn_predict_layers is not 0, but the source holds no such layers: neither has the Megatron model any");
}

// The layers that predict, each with the number of its Hugging Face layer. A Megatron model may have been made without: then they are carried.
inline std::vector<Layer> prediction_layers(const Config& hf, const Model& model) {
  const auto layers = hf.integer("num_hidden_layers"), stated = hf.integer("num_nextn_predict_layers", 0);
  const auto count = model.megatron().has("num_layers") ? std::min(stated, model.megatron().integer("mtp_num_layers", 0)) : stated;
  std::vector<Layer> result;
  for (std::int64_t k = 0; k < count; ++k) result.push_back(model.layer("mtp.layers.", k, count, "model.layers.", layers + k));
  for (auto number = layers + std::max<std::int64_t>(count, 0); number < layers + stated; ++number)
    model.carried("model.layers." + std::to_string(number) + ".*", "the Megatron model has no such prediction layer");
  return result;
}

}  // namespace sdk_v1
}  // namespace weighbridge
