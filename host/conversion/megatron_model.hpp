#pragma once
// A Megatron checkpoint understood as a model: its family, its equations, and where each parameter lies.

#include <string>
#include <vector>

#include "checkpoints/megatron_checkpoint.hpp"
#include "conversion/conversion.hpp"
#include "conversion/reference.hpp"
#include "conversion/reference_tensors.hpp"
#include "mapping/equation.hpp"

namespace weighbridge {

struct MegatronModel {
  MegatronCheckpoint checkpoint;
  std::string hybrid_pattern;  // of a GPT model that the checkpoint holds as a hybrid model, whose document then is a GPT model's
  Reference reference;
  ReferenceTensors known;
  EquationSet set;
  std::vector<StoredTensor> parameters;  // by equation; without extents where a constant is not stored
};

// Opens the checkpoint, finds its family (by the reference, by what an import left, by the configuration) and states its
// equations. What is noticed goes into `conversion`, and what a training run left into what it drops.
Result<MegatronModel> open_megatron_model(const ExportOptions& options, Registry& registry, Conversion& conversion);

// A model that its family knows as a GPT model may lie in the checkpoint as a hybrid model of attention and feed-forward
// layers. Then the checkpoint's document becomes that of the GPT model; gives the pattern, else an empty one.
Result<std::string> understood_as_gpt(const ExportOptions& options, Registry& registry, MegatronCheckpoint& checkpoint);

}  // namespace weighbridge
