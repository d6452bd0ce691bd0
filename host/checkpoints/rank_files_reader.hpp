#pragma once
// Reads Megatron-LM's `torch` format: a torch.save file for each model-parallel rank.

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/megatron_checkpoint.hpp"

namespace weighbridge {

// What MegatronCheckpoint::open does for rank files. Of each file only the pickle is read.
Result<MegatronCheckpoint> open_rank_files(const MegatronLocation& location, const OpenMegatron& options);

// The parameters whole, each made of the shares in rank files; nothing for one that they do not hold. Layers are counted
// as they lie in the files, so that any way of dealing them to stages is understood. Names of Transformer Engine's spec
// and of the local one are understood, and `module.` of wrappers before them. A vocabulary may have more rows than the
// parameter says. `used` gets the catalogue's names of everything that was looked at, copies included; `copies`, if given,
// the pairs of names of what two tensor-parallel ranks should hold alike.
// Errors: shares whose shape or type is not what the layout makes of the parameter, naming file and tensor.
Result<std::vector<std::optional<StoredTensor>>> assemble(const MegatronCheckpoint& checkpoint, const std::vector<LiveParameter>& parameters,
                                                          std::set<std::string>& used,
                                                          std::vector<std::pair<std::string, std::string>>* copies = nullptr);

}  // namespace weighbridge
