#pragma once
// The small files and objects around the weights of a torch_dist checkpoint, as bytes.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "checkpoints/megatron_checkpoint.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// What the common state says.
struct CommonStateRequest {
  MegatronFlavor flavor{MegatronFlavor::bridge};
  const boost::json::object* document{};  // borrowed; `args` of the flavor megatron_lm are made of it
  std::int64_t iteration{};
  bool per_layer{};  // whether keys are per layer, which loaders learn from here
  std::optional<std::int64_t> padded_vocab_size;
};

struct CommonStateBytes {
  std::string file;    // of common.pt
  std::string object;  // of common_state/shard_0_1
};
Result<CommonStateBytes> write_common_state(const CommonStateRequest& request);

// torch.save([torch.empty(0, dtype=uint8)]), torch.save([None]): what `_extra_state` objects hold.
Result<std::string> write_empty_extra_state();
Result<std::string> write_none_extra_state();

// train_state.pt of Megatron-Bridge at this step, nothing trained yet; also latest_train_state.pt.
Result<std::string> write_train_state(std::int64_t step);

// metadata.json with the fields that old readers need; new ones drop the last two.
std::string write_backend_metadata();

}  // namespace weighbridge
