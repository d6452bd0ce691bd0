#include "conversion/carried_tensors.hpp"

#include <limits>

#include "checkpoints/hugging_face_layout.hpp"
#include "checkpoints/hugging_face_weight_file.hpp"
#include "conversion/source_use.hpp"
#include "formats/file_tree.hpp"
#include "mapping/copies.hpp"

namespace weighbridge {

Carried carried_by(const EquationSet& set, const Catalogue& source) {
  Carried reasons;
  for (const auto& said : set.declarations) {
    if (said.kind == Declaration::Kind::carried)
      for (auto& name : meant_by(said, set.algebra, source)) reasons.emplace(std::move(name), said.reason);
  }
  const auto& leaves = set.algebra.leaves();
  for (const auto& leaf : leaves)
    if (leaf.decoding && leaf.decoding->scales)
      reasons.emplace(leaves[*leaf.decoding->scales].name, "scales of values that Megatron holds decoded");
  return reasons;
}

Status carry_tensors(Carried carried, const Catalogue& source, const std::filesystem::path& folder, Conversion& conversion) {
  if (carried.empty()) return done();
  HuggingFaceLayoutRequest request{.tensors = {}, .reference = {}, .max_shard_size = std::numeric_limits<std::uint64_t>::max(), .texts = {}};
  request.tensors.reserve(carried.size());
  conversion.carried.reserve(conversion.carried.size() + carried.size());
  for (auto& [name, reason] : carried) {
    const auto& stored = source.tensors.find(name)->second;
    request.tensors.push_back({name, stored.dtype, stored.shape});
    conversion.carried.push_back({name, std::move(reason), kDeclared});
  }
  carried.clear();
  auto layout = lay_out_hugging_face(request);
  if (!layout) return std::move(layout).error();
  auto& plan = conversion.plan;
  const auto first = static_cast<std::uint32_t>(plan.files.size());
  for (const auto& file : layout->files) plan.files.push_back({folder / kCarriedTensors, file.size});
  for (auto& literal : layout->literals) {
    literal.file += first;
    for (auto& slot : literal.checksums) slot.tensor += static_cast<std::uint32_t>(plan.tensors.size());
    plan.literals.push_back(std::move(literal));
  }
  request.tensors = std::vector<LaidTensor>{};
  plan.tensors.reserve(plan.tensors.size() + layout->tensors.size());
  for (auto& tensor : layout->tensors) {
    tensor.file += first;
    const auto& stored = source.tensors.find(tensor.name)->second;
    if (auto status = append_copies(identity_map(element_count(stored.shape).value_or(0)), stored, stored.dtype, 0, tensor.copies); !status)
      return status;
    order_copies(tensor.copies);
    plan.tensors.push_back(std::move(tensor));
  }
  return done();
}

Result<Catalogue> read_carried_tensors(const std::filesystem::path& folder) {
  Catalogue catalogue;
  const auto file = folder / kCarriedTensors;
  if (!tree::is_file(file)) return catalogue;
  auto content = read_safetensors_weights(file, 0, 100'000'000);
  if (!content) return content.error();
  catalogue.files.push_back(file);
  for (auto& tensor : content->tensors) {
    auto name = tensor.name;
    catalogue.tensors.emplace(std::move(name), std::move(tensor));
  }
  return catalogue;
}

}  // namespace weighbridge
