#pragma once
// The parameters of equations as a Megatron checkpoint stores them.

#include <string_view>
#include <vector>

#include "checkpoints/megatron_checkpoint.hpp"
#include "conversion/conversion.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// `hybrid_pattern`: of a GPT model that the checkpoint holds as a hybrid model; else empty. By equation, each checked against it; no stored parameter may be left over. Adds vocabulary padding and, unless
// `strict`, what is left over to the conversion. All names at fault are in one error.
Result<std::vector<StoredTensor>> stored_parameters(const EquationSet& set, const MegatronCheckpoint& checkpoint, std::string_view hybrid_pattern, bool strict,
                                                    Conversion& conversion);

}  // namespace weighbridge
