#include "conversion/exported_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "checkpoints/megatron_document.hpp"
#include "conversion/encoded_tensors.hpp"
#include "conversion/quantised_anew.hpp"
#include "conversion/source_use.hpp"
#include "mapping/copies.hpp"

namespace weighbridge {
namespace {

struct Use {
  std::size_t equation{};
  const Piece* piece{};
};

// Where the elements of each leaf come back from.
std::vector<std::vector<Use>> uses_of(const EquationSet& set) {
  std::vector<std::vector<Use>> uses(set.algebra.leaves().size());
  for (std::size_t i = 0; i < set.equations.size(); ++i)
    for (const auto& piece : set.equations[i].expression.pieces)
      if (!piece.echo) uses[piece.leaf].push_back({i, &piece});
  return uses;
}

// The type of a Hugging Face tensor that is made of Megatron parameters.
DType output_dtype(const std::string& name, const Equation& equation, DType stored, const ExportOptions& options, const Catalogue& known,
                   const boost::json::object& document) {
  if (options.dtype && !equation.keep_dtype) return *options.dtype;
  if (const auto found = known.tensors.find(name); found != known.tensors.end()) return found->second.dtype;
  // A sum is kept in a type that holds it exactly, one wider than the tensor's own.
  const bool sum = std::ranges::any_of(equation.expression.pieces, [](const auto& piece) { return piece.addend != 0; });
  if (equation.keep_dtype && sum && stored == DType::f64) return DType::f32;
  if (equation.keep_dtype && !(sum && stored == DType::f32)) return stored;
  return dtype_from_torch(string_field(document, "params_dtype").value_or("")).value_or(stored);
}

// The values' shape as an I32 tensor, as compressed-tensors keeps it.
std::string shape_bytes(const Shape& shape) {
  std::string bytes;
  for (const auto extent : shape) {
    const auto word = static_cast<std::int32_t>(extent);
    bytes.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return bytes;
}

}  // namespace

std::vector<ExportedTensor> exported_tensors(const EquationSet& set, const std::vector<StoredTensor>& parameters, const ReferenceTensors& known,
                                             const ExportOptions& options, Conversion& conversion) {
  const auto& leaves = set.algebra.leaves();
  const auto uses = uses_of(set);
  std::vector<ExportedTensor> exported;
  std::int64_t quantised = 0;
  const auto type_of = [&](const std::string& name, std::size_t leaf) {
    const auto first = uses[leaf].front().equation;
    return output_dtype(name, set.equations[first], parameters[first].dtype, options, known.tensors, conversion.megatron);
  };
  for (std::uint32_t leaf = 0; leaf < leaves.size(); ++leaf) {
    if (uses[leaf].empty()) continue;  // storage, which the encoding of its values makes
    const auto first = uses[leaf].front().equation;
    const auto held = parameters[first].dtype;
    std::vector<EncodedPart> parts;
    if (leaves[leaf].decoding) {
      parts = encoded_parts(leaves, *leaves[leaf].decoding, held, known.tensors);
    } else if (auto anew = quantised_anew(leaves[leaf], set.equations[first], options.quantize, held)) {
      parts = std::move(anew->parts);
      if (anew->shape_tensor) exported.push_back({std::move(*anew->shape_tensor), {}, {}, {}, shape_bytes(leaves[leaf].shape)});
      ++quantised;
    } else {
      exported.push_back({{leaves[leaf].name, type_of(leaves[leaf].name, leaf), leaves[leaf].shape}, leaf, {}, {}, {}});
    }
    for (auto& part : parts) exported.push_back({std::move(part.tensor), leaf, part.encoding, {}, {}});
  }
  const auto copies = std::ranges::count_if(set.equations, [](const auto& equation) {
    return std::ranges::any_of(equation.expression.pieces, &Piece::echo);
  });
  if (copies > 0)
    conversion.notes.push_back(fmt::format("{} parameters hold some elements more than once; each comes back from its first place", copies));
  if (quantised > 0) conversion.notes.push_back(fmt::format("{} tensors are quantised anew", quantised));

  // Copies of tied tensors are written where the reference has them; what Megatron has no place for comes from there.
  std::set<std::string> taken;
  for (const auto& said : set.declarations) {
    const bool copy = said.kind == Declaration::Kind::copy;
    const bool present = known.tensors.tensors.contains(said.name) || (copy && !known.complete);
    if (said.kind == Declaration::Kind::tied || copy) {
      conversion.tied.push_back({said.name, fmt::format("the same as {}: {}{}", said.other, said.reason, present ? copy ? "; written" : "; written, as in the reference" : ""), kDeclared});
      const auto original = set.algebra.find(said.other);
      if (present && original && !uses[*original].empty() && taken.insert(said.name).second)
        exported.push_back({{said.name, type_of(said.name, *original), leaves[*original].shape}, *original, {}, {}, {}});
    } else if (said.kind == Declaration::Kind::zeros) {
      conversion.synthesised.push_back({said.name, said.reason, kDeclared});
    } else if (said.kind == Declaration::Kind::dropped || said.kind == Declaration::Kind::carried) {
      for (const auto& name : meant_by(said, set.algebra, known.tensors)) {
        const auto& stored = known.tensors.tensors.find(name)->second;
        if (!taken.insert(name).second) continue;
        if (stored.extents.empty()) {
          if (said.kind == Declaration::Kind::carried) conversion.notes.push_back(fmt::format("{} was not carried along and is left out", name));
          continue;
        }
        exported.push_back({{name, stored.dtype, stored.shape}, {}, {}, stored, {}});
        conversion.carried.push_back({name, fmt::format("from {}: {}", known.origin, said.reason), kDeclared});
      }
    }
  }
  return exported;
}

Status fill_exported(const std::vector<ExportedTensor>& exported, const EquationSet& set, const std::vector<StoredTensor>& parameters,
                     const Catalogue& checkpoint, const ReferenceTensors& known, Conversion& conversion) {
  auto& plan = conversion.plan;
  plan.sources = checkpoint.files;
  const auto first_known = static_cast<std::uint32_t>(plan.sources.size());
  plan.sources.insert(plan.sources.end(), known.tensors.files.begin(), known.tensors.files.end());
  const auto uses = uses_of(set);
  const auto with_zeros = set.leaves_with_zeros();
  std::map<std::string_view, const ExportedTensor*> by_name;
  for (const auto& tensor : exported) by_name.emplace(tensor.laid.name, &tensor);
  std::vector<OutputTensor> made;
  for (auto& output : plan.tensors) {
    const auto& tensor = *by_name.at(output.name);
    if (tensor.whole) {
      auto stored = *tensor.whole;
      for (auto& extent : stored.extents) extent.file += first_known;
      if (auto status = append_copies(identity_map(element_count(stored.shape).value_or(0)), stored, output.dtype, 0, output.copies); !status) return status;
    } else if (tensor.leaf) {
      if (tensor.encoding) {
        auto encoding = *tensor.encoding;
        if (encoding.original) encoding.original->source_file += first_known;
        output.encoding = std::make_shared<const Encoding>(std::move(encoding));
      }
      output.padded = with_zeros.contains(*tensor.leaf);
      const auto dtype = output.encoding ? DType::f32 : output.dtype;
      for (const auto& [equation, piece] : uses[*tensor.leaf])
        if (auto status = append_copies(piece->map.inverse(), parameters[equation], dtype, -piece->addend, output.copies); !status) return status;
    } else {
      plan.literals.push_back({output.file, output.offset, tensor.bytes, {}});
      continue;
    }
    order_copies(output.copies);
    made.push_back(std::move(output));
  }
  plan.tensors = std::move(made);  // literals name tensors only in checksums, which safetensors has none of
  return done();
}

}  // namespace weighbridge
