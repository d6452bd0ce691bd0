#pragma once
// Whether a model divides into a parallel layout.

#include <boost/json/object.hpp>

#include "conversion/conversion.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Heads, query groups, feed-forward width, layers and experts against the layout's sizes. The error says both numbers.
Status check_layout(const ParallelLayout& layout, const boost::json::object& megatron);

// Writes the layout into a Megatron document, sizes of 1 included.
void state_layout(const ParallelLayout& layout, boost::json::object& megatron);

// Rows of the stored vocabulary: `rows` rounded up to a multiple of divisor * tensor.
std::int64_t padded_rows(std::int64_t rows, std::int64_t divisor, std::int64_t tensor);

}  // namespace weighbridge
