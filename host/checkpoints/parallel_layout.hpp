#pragma once
// The parallel layout of a Megatron training job.

#include <cstdint>
#include <optional>
#include <string>

#include <boost/json/object.hpp>

#include "tensor/result.hpp"

namespace weighbridge {

// Sizes of the process groups, and how layers are dealt to pipeline stages. Context parallelism does not touch weights.
struct ParallelLayout {
  std::int64_t tensor{1}, pipeline{1}, expert{1}, context{1};
  std::optional<std::int64_t> virtual_pipeline, expert_tensor;
  std::optional<std::int64_t> first_stage, last_stage;  // layers, where they differ from those of the stages between
  std::string stages;                                   // "Et*3|(tt|)*29,m|L"; empty: by numbers
  bool embedding_counts{}, loss_counts{};               // as a layer when layers are dealt

  std::int64_t expert_tensor_size() const { return expert_tensor.value_or(tensor); }
  std::int64_t chunks() const { return virtual_pipeline.value_or(1); }  // of layers on one stage
  // Ranks among which a parameter is cut, and the expert-parallel group that holds one of so many experts.
  std::int64_t ranks_of(bool expert_parameter) const { return expert_parameter ? expert_tensor_size() : tensor; }
  std::int64_t experts_of_rank(std::int64_t experts) const { return experts / expert; }
  // Whether everything lies on one rank.
  bool whole() const { return tensor * pipeline * expert * expert_tensor_size() == 1; }
  // Ranks of one pipeline stage: the fewest that both the dense and the expert groups fill.
  std::int64_t ranks_of_stage() const;
};

// That every size is one of a process group, and all together no more ranks than anyone has: the numbers may come from a
// file. Nothing else may be asked of a layout before. The error names the option of the size.
Status check_sizes(const ParallelLayout& layout);

// The layout that a Megatron document states, and back, sizes of 1 included.
ParallelLayout stated_layout(const boost::json::object& megatron);
void state_layout(const ParallelLayout& layout, boost::json::object& megatron);

}  // namespace weighbridge
