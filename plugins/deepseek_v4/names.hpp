#pragma once
// What tensors of DeepSeek V4 are called. Published files have names of DeepSeek's own ("layers.3.attn.wq_a.weight"); a model that
// transformers has made new and saved has others ("model.layers.3.self_attn.q_a_proj.weight"), which mean the same.

#include <weighbridge/model.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace deepseek_v4 {

using namespace weighbridge;

class Names {
 public:
  // As the source has them; as published where there is none.
  Names(const Model& model, std::int64_t layers);

  // A tensor of the model, by its published name.
  std::string of_model(std::string_view name) const;
  // A tensor of layer `layer`, by its published name behind "layers.3.".
  std::string of_layer(std::int64_t layer, std::string_view name) const;
  // The same of layers that predict further tokens, which transformers never saves: behind "mtp.0.".
  static std::string of_prediction(std::int64_t layer, std::string_view name) { return "mtp." + std::to_string(layer) + "." + std::string{name}; }

 private:
  bool saved_anew_{}, scorer_{};
  std::string head_;
};

// A tensor's values, decoded where the source stores them block-scaled: FP8 in blocks or rows, and experts in MXFP4, with their
// scales beside them under ".scale" in place of ".weight". Matrices of `shape`.
Tensor stored(const Model& model, const Config& c, const std::string& name, const Dimensions& shape);

}  // namespace deepseek_v4
