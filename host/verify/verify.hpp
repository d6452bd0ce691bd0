#pragma once
// Whether a Hugging Face and a Megatron checkpoint are one model: equality through the equations, with nothing written.

#include <filesystem>

#include "families/registry.hpp"
#include "tensor/result.hpp"
#include "verify/comparison.hpp"
#include "verify/model_pair.hpp"

namespace weighbridge {

struct VerifyOptions {
  CompareOptions compare;
  bool weights_only{};   // neither configurations nor side files
};

// Computes every Megatron parameter from the Hugging Face tensors, window by window in memory, and compares it with what the
// checkpoint holds. Where types differ both are compared in the narrower one, so that a cast on the way is no difference in
// values; the type itself is one if it is neither that of the equation nor that which the Megatron configuration states for
// all parameters. Configurations are compared by what they mean (compare_documents), side files as far as the Megatron
// checkpoint keeps them. Differences are no error. Errors: as of open_model_pair and compare.
Result<Comparison> verify(ModelPair& pair, const VerifyOptions& options = {});

}  // namespace weighbridge
