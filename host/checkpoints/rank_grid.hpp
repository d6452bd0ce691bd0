#pragma once
// Which rank files a job of a parallel layout writes. Source: parallel_state (rank order tp-cp-ep-dp-pp) and
// get_checkpoint_name of Megatron-LM.
//
// Within a stage rank r holds the dense share r mod TP and the expert share r mod ETP of the experts of group
// (r div ETP) mod EP. The first replicas of either kind write. A file is named by tensor, pipeline and expert rank; where
// expert tensor parallelism differs from tensor parallelism two ranks can mean the same name.

#include <cstdint>
#include <string>
#include <vector>

#include "checkpoints/parallel_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct FileRank {
  std::int64_t tensor{}, expert{};       // of the name
  std::int64_t expert_tensor{};          // the share of experts that it holds
  friend bool operator==(const FileRank&, const FileRank&) = default;
};

// The files of one stage, in the order of their ranks. Error::Kind::unsupported where two ranks with different contents
// have one name.
Result<std::vector<FileRank>> files_of_stage(const ParallelLayout& layout);

// "mp_rank_01_002_003": the pipeline rank only with more than one stage, the expert rank only with more than one group.
std::string rank_folder(const ParallelLayout& layout, const FileRank& rank, std::int64_t stage);

}  // namespace weighbridge
