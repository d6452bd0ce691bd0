#pragma once
// A Hugging Face and a Megatron checkpoint, opened as one model: which parameter of the one is which expression over the other.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/megatron_checkpoint.hpp"
#include "conversion/decoded_tensors.hpp"
#include "families/registry.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "verify/comparison.hpp"
#include "verify/suspects.hpp"

namespace weighbridge {

// Move-only; parts refer to each other.
struct ModelPair {
  std::filesystem::path hugging_face, megatron;  // folders
  std::string family, family_version, architecture;
  HuggingFaceRepository repository;
  MegatronCheckpoint checkpoint;
  ConfigDocument document;                            // what the family makes of config.json
  EquationSet set;
  std::vector<std::optional<StoredTensor>> parameters;  // by equation, without vocabulary padding; nothing if it cannot be compared
  std::vector<std::optional<StoredTensor>> misshapen;   // by equation: what is stored in another shape
  Catalogue source;                                   // the repository's, with a stand-in for every leaf that cannot be read
  std::vector<bool> excluded;                         // by leaf: those
  Plan expected;                                      // sources and decoded sources of `leaves`
  LeafTensors leaves;
  std::vector<Difference> differences;                // of names and shapes
  std::vector<std::string> notes;
};

// The family and its equations are those of config.json. What is missing, misshapen or unused on either side is a difference,
// no error. Errors: a folder that cannot be read; a config that no family knows or that a family refuses; equations that do
// not hold together.
Result<ModelPair> open_model_pair(const std::filesystem::path& hugging_face, const std::filesystem::path& megatron, Registry& registry);

// What the Megatron document says of heads.
HeadGeometry head_geometry(const boost::json::object& megatron);

}  // namespace weighbridge
