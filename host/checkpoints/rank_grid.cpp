#include "checkpoints/rank_grid.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace weighbridge {

Result<std::vector<FileRank>> files_of_stage(const ParallelLayout& layout) {
  const auto expert_tensor = layout.expert_tensor_size();
  std::vector<FileRank> files;
  for (std::int64_t rank = 0; rank < layout.ranks_of_stage(); ++rank) {
    if (rank >= layout.tensor && rank >= expert_tensor * layout.expert) break;  // no first replica of anything
    const FileRank file{rank % layout.tensor, rank / expert_tensor % layout.expert, rank % expert_tensor};
    const auto same_name = [&](const FileRank& other) { return other.tensor == file.tensor && other.expert == file.expert; };
    const auto other = std::ranges::find_if(files, same_name);
    if (other == files.end()) {
      files.push_back(file);
    } else if (other->expert_tensor != file.expert_tensor) {
      return Error{Error::Kind::unsupported, "", "--etp",
                   fmt::format("rank files are named by tensor and expert rank only, and with --tp {} --ep {} --etp {} two ranks would write {}",
                               layout.tensor, layout.expert, expert_tensor, rank_folder(layout, file, 0)),
                   fmt::format("Give --etp {}, or write torch_dist", layout.tensor)};
    }
  }
  return files;
}

std::string rank_folder(const ParallelLayout& layout, const FileRank& rank, std::int64_t stage) {
  auto name = fmt::format("mp_rank_{:02}", rank.tensor);
  if (layout.pipeline > 1) name += fmt::format("_{:03}", stage);
  if (layout.expert > 1) name += fmt::format("_{:03}", rank.expert);
  return name;
}

}  // namespace weighbridge
