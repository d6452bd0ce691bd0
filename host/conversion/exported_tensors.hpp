#pragma once
// The Hugging Face tensors of an export: which there are, of which type, and what each is made of.

#include <map>
#include <optional>
#include <vector>

#include "checkpoints/hugging_face_layout.hpp"
#include "conversion/conversion.hpp"
#include "conversion/reference_tensors.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

struct ExportedTensor {
  LaidTensor laid;
  std::optional<std::uint32_t> leaf;  // made of the parameters that this leaf goes to
  std::optional<Encoding> encoding;   // of the leaf's values
  std::optional<StoredTensor> whole;  // else a copy of a tensor that Megatron has no place for
  std::string bytes;                  // else these
};

// In the order of the equations. `parameters` are stored_parameters of the set. Adds to the conversion what is tied, carried
// and noted.
std::vector<ExportedTensor> exported_tensors(const EquationSet& set, const std::vector<StoredTensor>& parameters, const ReferenceTensors& known,
                                             const ExportOptions& options, Conversion& conversion);

// Fills the copies of conversion.plan, in which the tensors were laid out: plan.sources become the checkpoint's files, then
// those of `known`.
Status fill_exported(const std::vector<ExportedTensor>& exported, const EquationSet& set, const std::vector<StoredTensor>& parameters,
                     const Catalogue& checkpoint, const ReferenceTensors& known, Conversion& conversion);

}  // namespace weighbridge
