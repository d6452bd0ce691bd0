#pragma once
// Compares two checkpoints of one kind, element by element, as a stream.

#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"
#include "verify/any_checkpoint.hpp"
#include "verify/comparison.hpp"
#include "verify/suspects.hpp"

namespace weighbridge {

// Which names mean the same tensor.
enum class Naming : std::uint8_t {
  exact = 1,
  // "decoder.layers.3.X" is row 3 of a stacked "decoder.layers.X", and X is X_w and X_v one after the other. Layers are
  // compared and reported one by one, halves joined.
  megatron,
};

// However either side is stored: in any files, chunks and strides. Both sides are read once, in windows within
// options.max_memory; with options.diagnose, what differs again, in search of the cause. Of real numbers of different types
// the values are compared too, in the narrower one. Differences are no error. Errors: io and format while reading; usage (too little memory);
// unsupported (a tensor of more axes than the engine has); cancelled.
Result<Comparison> compare(const Catalogue& expected, const Catalogue& actual, const CompareOptions& options = {},
                           Naming naming = Naming::exact, const HeadGeometry& heads = {});

// The same, with the naming of their kind; and, unless `weights_only`, configurations by what they mean and the files beside
// the weights. Error::Kind::usage if they are of different kinds, naming both.
Result<Comparison> compare(const AnyCheckpoint& expected, const AnyCheckpoint& actual, const CompareOptions& options = {}, bool weights_only = false);

}  // namespace weighbridge
