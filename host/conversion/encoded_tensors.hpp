#pragma once
// Block-scaled tensors of an export.

#include <vector>

#include "checkpoints/hugging_face_layout.hpp"
#include "mapping/expression.hpp"
#include "mapping/plan.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

struct EncodedPart {
  LaidTensor tensor;
  Encoding encoding;  // the original scales, where `known` has them, are in a file of `known`
};

// The data of a decoded leaf and, where it has them, the scales, as `known` stores them; `held`: the type of the values in
// the Megatron checkpoint.
std::vector<EncodedPart> encoded_parts(const std::deque<Leaf>& leaves, const Decoding& decoding, DType held, const Catalogue& known);

}  // namespace weighbridge
