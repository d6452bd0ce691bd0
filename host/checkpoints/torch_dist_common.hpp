#pragma once
// The common state of a torch_dist checkpoint: everything that is neither sharded tensor nor sharded object.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/megatron_arguments.hpp"
#include "formats/dcp_metadata.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct CommonState {
  std::string file;  // where it was read from, for messages
  std::optional<double> checkpoint_version;
  std::optional<std::int64_t> iteration;
  boost::json::object content_metadata;                // plain values only
  std::optional<Result<MegatronArguments>> arguments;  // nothing if there is no `args`; an error if it is no use
  std::string note;  // empty, or what is odd about the file
};

// common.pt of the iteration `folder`, which Megatron-Core prefers, else the object common_state/shard_0_1 of
// `metadata`. Classes that nobody knows are kept as opaque nodes. Errors: neither is there; format errors of either.
Result<CommonState> read_common_state(const std::filesystem::path& folder, const DcpMetadata& metadata);

}  // namespace weighbridge
