#pragma once
// What a torch_dist checkpoint that is about to be written looks like, to the byte.

#include "checkpoints/megatron_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// The folder iter_NNNNNNN with __0_0.distcp, __0_1.distcp, …, .metadata, metadata.json, common.pt (and the same as
// the object common_state), for `bridge` run_config.yaml, train_state.pt and the tracker latest_train_state.pt; the
// tracker latest_checkpointed_iteration.txt.
// Errors, Error::Kind::mismatch: a parameter given twice; stacked layers that differ in shape or dtype, or of which
// one is missing; a layer outside its stack. A type that torch cannot save is Error::Kind::unsupported.
Result<MegatronLayout> lay_out_torch_dist(const MegatronLayoutRequest& request);

}  // namespace weighbridge
