#pragma once
// Whether a model divides into a parallel layout.

#include <boost/json/object.hpp>

#include "checkpoints/megatron_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Heads, query groups, feed-forward width and experts against the layout's sizes. The error says both numbers and which
// sizes do. (Layers: Placement::of.)
Status check_layout(const ParallelLayout& layout, const boost::json::object& megatron);

// What the user asks of a Megatron checkpoint, put into its document: the type of its weights, the padding of its vocabulary
// and the layout, which is checked against the model and completed. Errors, of kind usage, name the option.
Status state_target(std::optional<DType> dtype, std::optional<std::int64_t> vocabulary_divisor, ParallelLayout& layout, boost::json::object& megatron);

// Every parameter of the request against the sizes of its process groups.
Status check_cuts(const MegatronLayoutRequest& request);

// Rows of the stored vocabulary: `rows` rounded up to a multiple of divisor * tensor.
std::int64_t padded_rows(std::int64_t rows, std::int64_t divisor, std::int64_t tensor);

}  // namespace weighbridge
