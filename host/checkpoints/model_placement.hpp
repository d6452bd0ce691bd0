#pragma once
// Which pipeline cell holds a parameter of a Megatron model. Source: GPTModel, HybridModel, TransformerBlock and
// HybridStack of Megatron-Core.

#include <string>
#include <vector>

#include "checkpoints/megatron_layout.hpp"
#include "checkpoints/placement.hpp"

namespace weighbridge {

// What stands before the names of the language model in a model of several parts ("language_model."), told by where its
// embedding is; everything else is an encoder.
std::string backbone_of(const std::vector<LiveParameter>& parameters);

class ModelPlacement {
 public:
  ModelPlacement(Placement placement, std::string backbone, bool predicts)
      : placement_{std::move(placement)}, backbone_{std::move(backbone)}, predicts_{predicts} {}
  // Errors are those of Placement::of.
  static Result<ModelPlacement> of(const MegatronLayoutRequest& request);

  // The cell of a parameter or module. Encoders lie on the first stage.
  Cell cell(std::string_view prefix, std::int64_t layer, std::string_view rest) const;
  // The layer's number within its cell.
  std::int64_t local_layer(std::string_view prefix, std::int64_t layer) const;

  const Placement& placement() const { return placement_; }
  const std::string& backbone() const { return backbone_; }
  bool predicts() const { return predicts_; }  // has multi-token prediction layers

 private:
  bool is_decoder(std::string_view prefix) const { return prefix == backbone_ + "decoder.layers."; }

  Placement placement_;
  std::string backbone_;
  bool predicts_{};
};

}  // namespace weighbridge
