#include "conversion/reference_tensors.hpp"

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"
#include "conversion/carried_tensors.hpp"
#include "families/call.hpp"

namespace weighbridge {
namespace {

// Where configurations say how weights are quantised.
constexpr std::string_view kQuantisation[] = {"quantization_config", "compression_config", "text_config.quantization_config"};

// The tensors of a quantised repository as a repository of plain ones would have them: no scales, nothing packed, and
// values of the model's own type where the name of encoded data is that of the tensor.
void show_plain(const Algebra& algebra, DType plain, Catalogue& tensors) {
  const auto& leaves = algebra.leaves();
  for (const auto& leaf : leaves) {
    if (!leaf.decoding) continue;
    if (leaf.decoding->scales) tensors.tensors.erase(leaves[*leaf.decoding->scales].name);
    const auto& data = leaves[leaf.decoding->data];
    const auto found = tensors.tensors.find(data.name);
    if (found == tensors.tensors.end()) continue;
    if (leaf.decoding->form.codec == Codec::fp8_e4m3 && data.shape == leaf.shape)
      found->second = {data.name, plain, leaf.shape, {}};
    else
      tensors.tensors.erase(found);
  }
}

// The plain output as if it were there, and beside every stack of experts the blocks and scales of MXFP4: a family that
// knows such storage of its own then states it.
Catalogue with_blocks_of_experts(const EquationSet& set, const Catalogue& known) {
  auto wish = known;
  const auto& leaves = set.algebra.leaves();
  const auto add = [&](std::string name, DType dtype, Shape shape) {
    StoredTensor tensor{name, dtype, std::move(shape), {}};
    wish.tensors.emplace(std::move(name), std::move(tensor));
  };
  for (const auto& leaf : leaves) add(leaf.name, DType::bf16, leaf.shape);
  for (const auto& equation : set.equations)
    for (const auto& piece : equation.expression.pieces) {
      const auto& leaf = leaves[piece.leaf];
      if (equation.experts == 0 || leaf.shape.size() != 3) continue;
      add(leaf.name + "_blocks", DType::u8, {});
      add(leaf.name + "_scales", DType::u8, {});
    }
  return wish;
}

}  // namespace

Result<ReferenceTensors> reference_tensors(const Reference& reference, const MegatronCheckpoint& checkpoint) {
  if (reference.has_weights) return ReferenceTensors{reference.repository->catalogue, true, "the reference"};
  auto carried = read_carried_tensors(checkpoint.location.folder / kKeptFolder);
  if (!carried) return carried.error();
  if (!reference.index) return ReferenceTensors{*std::move(carried), false, "the checkpoint"};
  ReferenceTensors known{reference.index->tensors, true, "the checkpoint"};
  known.tensors.files = std::move(carried->files);
  for (auto& [name, tensor] : carried->tensors) known.tensors.tensors.insert_or_assign(name, std::move(tensor));
  return known;
}

Result<EquationSet> equations_of_export(Reference& reference, ReferenceTensors& known, const ExportOptions& options, Conversion& conversion) {
  const auto& family = reference.chosen.family;
  const ConfigDocument megatron{conversion.megatron};
  // What is only carried along is no repository: a family that saw it would take what is absent for not being there.
  const auto* seen = known.complete ? &known.tensors : nullptr;
  std::vector<std::string> notes;
  auto set = state_equations(family, reference.config, seen, notes, &megatron);
  if (!set) return set;
  bool quantised = false;
  for (const auto& leaf : set->algebra.leaves()) quantised |= leaf.decoding != nullptr;
  if (options.quantize == Quantize::reference && !quantised)
    return Error{Error::Kind::usage, reference.config.file().string(), "--quantize reference",
                 known.complete ? "the reference stores no tensor block-scaled" : "there is no reference with weights",
                 "Give the quantised repository as --hf-model, or leave --quantize out"};
  if (options.quantize != Quantize::reference) {
    if (quantised) {
      const auto plain = options.dtype ? options.dtype : dtype_from_torch(string_field(conversion.megatron, "params_dtype").value_or(""));
      show_plain(set->algebra, plain.value_or(DType::bf16), known.tensors);
      notes.clear();
      set = state_equations(family, reference.config, &known.tensors, notes, &megatron);
      if (!set) return set;
      notes.push_back("the reference is quantised; the export is not (--quantize reference writes its storage)");
    }
    for (const auto path : kQuantisation) reference.config.remove(path);
    if (options.quantize == Quantize::mxfp4) {
      const auto wish = with_blocks_of_experts(*set, known.tensors);
      notes.clear();
      set = state_equations(family, reference.config, &wish, notes, &megatron);
      if (!set) return set;
    }
  }
  conversion.notes.insert(conversion.notes.end(), notes.begin(), notes.end());
  return set;
}

}  // namespace weighbridge
