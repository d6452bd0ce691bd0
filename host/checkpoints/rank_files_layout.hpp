#pragma once
// What a checkpoint in Megatron-LM's `torch` format that is about to be written looks like: a torch.save file for each
// model-parallel rank, with the state dict of what that rank holds.

#include "checkpoints/megatron_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// iter_NNNNNNN/mp_rank_TT[_PPP][_EEE]/model_optim_rng.pt for every rank that writes, and the tracker
// latest_checkpointed_iteration.txt. Each file holds args, checkpoint_version 3.0, iteration and `model` (or `model0`,
// `model1`, … with virtual stages): local names, local layer and expert numbers, `_extra_state` entries. Copies are where
// Megatron has them: dense tensors in the file of every expert rank; of a tied embedding `output_layer.weight` on a last
// stage that is not the first; both with the prediction layers where those lie apart.
// Errors: those of Placement and files_of_stage; Error::Kind::unsupported: the flavor bridge, which reads no rank files;
// the local spec for a model that has none; a type that torch cannot save.
Result<MegatronLayout> lay_out_rank_files(const MegatronLayoutRequest& request);

}  // namespace weighbridge
