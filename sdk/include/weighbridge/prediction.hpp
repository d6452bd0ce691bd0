#pragma once
// Layers that predict further tokens, where Hugging Face numbers them after the others.

#include <weighbridge/model.hpp>

#include <cstdint>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

// What a layer that predicts one more token has around its transformer layer: eh_proj [norm(embedding) | norm(hidden)].
// It shares the embedding and the output layer (`head`) of the model, whose copies some checkpoints hold.
inline void prediction_layer(const Model& model, const MegatronLayer& layer, const HuggingFaceLayer& hf, std::int64_t hidden,
                             std::string_view head = "lm_head.weight") {
  layer["enorm.weight"] = norm(hf("enorm.weight", {hidden}));
  layer["hnorm.weight"] = norm(hf("hnorm.weight", {hidden}));
  layer["eh_proj.weight"] = column(hf("eh_proj.weight", {hidden, 2 * hidden}));
  layer["final_layernorm.weight"] = norm(hf("shared_head.norm.weight", {hidden}));
  model.copy(hf.name("embed_tokens.weight"), "model.embed_tokens.weight", "prediction layers share the embedding");
  model.copy(hf.name("shared_head.head.weight"), head, "prediction layers share the output layer");
}

}  // namespace sdk_v1
}  // namespace weighbridge
