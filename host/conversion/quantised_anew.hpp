#pragma once
// Which tensors of an export are quantised anew, and under which names: the storage that readers of each format know.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conversion/conversion.hpp"
#include "conversion/encoded_tensors.hpp"
#include "mapping/equation.hpp"

namespace weighbridge {

struct QuantisedAnew {
  std::vector<EncodedPart> parts;
  std::optional<LaidTensor> shape_tensor;  // an I32 tensor that holds the shape of the values
};

// What becomes of a plain leaf that `equation` uses; nothing if it stays plain. FP8: matrices of linear layers, with _scale_inv
// files. MXFP4 and INT4: matrices of experts whose rows are whole groups of 32, as
// compressed-tensors names them.
std::optional<QuantisedAnew> quantised_anew(const Leaf& leaf, const Equation& equation, Quantize how, DType held);

// The quantization_config that tells readers of it, into `config`.
Status state_quantisation(Quantize how, ConfigDocument& config);

}  // namespace weighbridge
