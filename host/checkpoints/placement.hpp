#pragma once
// Where pipeline parallelism puts layers. Source: get_num_layers_to_build, get_transformer_layer_offset,
// PipelineParallelLayerLayout and hybrid_layer_allocation of Megatron-Core.
//
// A stage holds one chunk of layers, or several (virtual pipeline). Layers are dealt to the cells (chunk 0 of stage 0,
// chunk 0 of stage 1, …, chunk 1 of stage 0, …) in this order, whatever decides how many each gets.

#include <cstdint>
#include <vector>

#include <boost/json/object.hpp>

#include "checkpoints/parallel_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct Cell {
  std::int64_t stage{}, chunk{};
  friend auto operator<=>(const Cell&, const Cell&) = default;
};

class Placement {
 public:
  // Of the model's layers, which the document counts (num_layers, or its hybrid_layer_pattern). Errors, of kind usage:
  // layers that do not divide, with the numbers and sizes that do; a layout that contradicts itself or the model.
  static Result<Placement> of(const ParallelLayout& layout, const boost::json::object& megatron);
  // Of cells that hold so many layers each.
  Placement(std::int64_t stages, std::vector<std::int64_t> counts);

  struct Place {
    Cell cell;
    std::int64_t layer{};  // within the cell
  };
  Place layer(std::int64_t number) const;  // of the whole model; must be below layers()
  std::int64_t layers() const { return first_.back(); }
  std::int64_t stages() const { return stages_; }
  std::int64_t chunks() const { return static_cast<std::int64_t>(first_.size() - 1) / stages_; }

  Cell embedding() const { return {0, 0}; }
  Cell output() const { return {stages_ - 1, chunks() - 1}; }  // final norm, output layer
  Cell prediction() const { return prediction_; }              // multi-token prediction layers

 private:
  std::int64_t stages_;
  std::vector<std::int64_t> first_;  // the first layer of every cell, and the number of layers
  Cell prediction_;
};

// The layout with what follows from it: a layout text says how many chunks a stage has. Errors are those of Placement::of.
Result<ParallelLayout> settled_layout(const ParallelLayout& layout, const boost::json::object& megatron);

}  // namespace weighbridge
