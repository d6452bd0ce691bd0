#include "checkpoints/parallel_layout.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"

namespace weighbridge {

std::int64_t ParallelLayout::ranks_of_stage() const { return std::lcm(tensor, expert * expert_tensor_size()); }

Status check_sizes(const ParallelLayout& layout) {
  constexpr std::int64_t kMost = 1 << 16, kMostRanks = 1 << 20;
  for (const auto& [option, size] : {std::pair{"--tp", layout.tensor}, {"--pp", layout.pipeline}, {"--ep", layout.expert},
                                     {"--cp", layout.context}, {"--vpp", layout.chunks()}, {"--etp", layout.expert_tensor_size()}})
    if (size < 1 || size > kMost)
      return Error{Error::Kind::usage, "", option, fmt::format("{} is no size of a parallel group", size), fmt::format("Give a whole number from 1 to {}", kMost)};
  if (layout.expert * layout.expert_tensor_size() > kMostRanks || layout.ranks_of_stage() > kMostRanks / layout.pipeline)
    return Error{Error::Kind::usage, "", "parallel sizes", "make more ranks than can be", fmt::format("Give sizes that make at most {} ranks", kMostRanks)};
  return done();
}

ParallelLayout stated_layout(const boost::json::object& megatron) {
  const auto size = [&](const char* name) { return integer_field(megatron, name).value_or(1); };
  ParallelLayout layout;
  layout.tensor = size("tensor_model_parallel_size");
  layout.pipeline = size("pipeline_model_parallel_size");
  layout.expert = size("expert_model_parallel_size");
  layout.context = size("context_parallel_size");
  layout.virtual_pipeline = integer_field(megatron, "virtual_pipeline_model_parallel_size");
  layout.expert_tensor = integer_field(megatron, "expert_tensor_parallel_size");
  layout.first_stage = integer_field(megatron, "num_layers_in_first_pipeline_stage");
  layout.last_stage = integer_field(megatron, "num_layers_in_last_pipeline_stage");
  layout.stages = string_field(megatron, "pipeline_model_parallel_layout").value_or("");
  layout.embedding_counts = flag_field(megatron, "account_for_embedding_in_pipeline_split");
  layout.loss_counts = flag_field(megatron, "account_for_loss_in_pipeline_split");
  return layout;
}

void state_layout(const ParallelLayout& layout, boost::json::object& megatron) {
  megatron["tensor_model_parallel_size"] = layout.tensor;
  megatron["pipeline_model_parallel_size"] = layout.pipeline;
  megatron["expert_model_parallel_size"] = layout.expert;
  megatron["expert_tensor_parallel_size"] = layout.expert_tensor_size();
  megatron["context_parallel_size"] = layout.context;
  const auto state = [&](const char* name, const std::optional<std::int64_t>& value) {
    if (value) megatron[name] = *value;
    else if (megatron.contains(name)) megatron[name] = nullptr;
  };
  state("virtual_pipeline_model_parallel_size", layout.virtual_pipeline);
  state("num_layers_in_first_pipeline_stage", layout.first_stage);
  state("num_layers_in_last_pipeline_stage", layout.last_stage);
  const auto state_flag = [&](const char* name, bool value) {
    if (value || megatron.contains(name)) megatron[name] = value;
  };
  state_flag("account_for_embedding_in_pipeline_split", layout.embedding_counts);
  state_flag("account_for_loss_in_pipeline_split", layout.loss_counts);
  if (!layout.stages.empty()) megatron["pipeline_model_parallel_layout"] = layout.stages;
  else if (megatron.contains("pipeline_model_parallel_layout")) megatron["pipeline_model_parallel_layout"] = nullptr;
  if (layout.pipeline > 1) megatron["pipeline_dtype"] = megatron["params_dtype"];
  // Bars in a hybrid pattern are where the stages of another layout ended.
  if (auto pattern = string_field(megatron, "hybrid_layer_pattern"); pattern && std::ranges::count(*pattern, '|') + 1 != layout.pipeline * layout.chunks()) {
    std::erase(*pattern, '|');
    megatron["hybrid_layer_pattern"] = *pattern;
  }
}

}  // namespace weighbridge
