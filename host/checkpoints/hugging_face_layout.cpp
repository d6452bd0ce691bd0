#include "checkpoints/hugging_face_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "checkpoints/hugging_face_shards.hpp"
#include "formats/safetensors.hpp"
#include "formats/weight_index.hpp"

namespace weighbridge {
namespace {

constexpr const char* kSingleFile = "model.safetensors";

// Sizes of the tensors, once their names and shapes have been found to be fit.
Result<std::vector<SizedTensor>> measure(const std::vector<LaidTensor>& tensors) {
  std::vector<SizedTensor> sized;
  std::set<std::string_view> names;
  std::int64_t total = 0;
  for (const auto& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return Error{Error::Kind::mismatch,
                   {},
                   tensor.name,
                   "would be written twice",
                   "Report this to the author of the model family's plugin"};
    }
    const auto bytes = byte_count(tensor.shape, tensor.dtype);
    const auto sum = bytes ? checked_add(total, *bytes) : std::nullopt;
    if (!sum) {
      return Error{
          Error::Kind::unsupported,
          {},
          tensor.name,
          fmt::format("has a shape that no file can hold: {} of {}", to_string(tensor.shape), to_string(tensor.dtype)),
          "Check the model's config.json"};
    }
    total = *sum;
    sized.push_back({tensor.name, static_cast<std::uint64_t>(*bytes)});
  }
  if (sized.empty()) {
    return Error{Error::Kind::mismatch, {}, {}, "there is no tensor to write", "Check that the source holds a model"};
  }
  return sized;
}

bool lists_one_of(const ReferenceShards& reference, const std::vector<SizedTensor>& tensors) {
  std::set<std::string_view> listed;
  for (const auto& location : reference.weight_map) listed.insert(location.tensor);
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& t) { return listed.contains(t.name); });
}

bool wants_index(const std::vector<Shard>& shards, const ReferenceShards& reference) {
  if (shards.size() > 1 || shards.front().file != kSingleFile) return true;
  return reference.has_index && std::all_of(reference.weight_map.begin(), reference.weight_map.end(),
                                            [](const auto& at) { return at.file == kSingleFile; });
}

// What the index of the reference says beside the tensors, made true for this output.
boost::json::object true_metadata(const HuggingFaceLayoutRequest& request, std::uint64_t total_size) {
  auto metadata = request.reference.index_metadata;
  auto* parameters = metadata.if_contains("total_parameters");
  if (!parameters) return metadata;
  std::set<std::string_view> before, after;
  for (const auto& location : request.reference.weight_map) before.insert(location.tensor);
  std::int64_t elements = 0;
  for (const auto& tensor : request.tensors) {
    after.insert(tensor.name);
    elements += element_count(tensor.shape).value_or(0);
  }
  // transformers leaves buffers and packed halves out of its count, so that only a changed model is counted anew.
  const auto* size = metadata.if_contains("total_size");
  const bool same =
      before == after && size && size->is_int64() && size->get_int64() == static_cast<std::int64_t>(total_size);
  if (!same) *parameters = elements;
  return metadata;
}

void add_text(HuggingFaceLayout& layout, std::string name, std::string text) {
  const auto file = static_cast<std::uint32_t>(layout.files.size());
  layout.files.push_back({std::move(name), text.size()});
  if (!text.empty()) layout.literals.push_back({file, 0, std::move(text), {}});
}

Status add_shard(HuggingFaceLayout& layout, const Shard& shard, const HuggingFaceLayoutRequest& request,
                 const std::vector<SizedTensor>& sized) {
  std::vector<SafetensorsTensor> tensors;
  for (const auto at : shard.tensors) {
    tensors.push_back({request.tensors[at].name, request.tensors[at].dtype, request.tensors[at].shape});
  }
  auto placed = lay_out_safetensors(tensors);
  if (!placed) {
    auto error = std::move(placed).error();
    error.file = shard.file;
    return error;
  }
  const auto file = static_cast<std::uint32_t>(layout.files.size());
  layout.files.push_back({shard.file, placed->file_size});
  layout.literals.push_back({file, 0, std::move(placed->header), {}});
  const auto first = static_cast<std::ptrdiff_t>(layout.tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    OutputTensor output;
    output.name = tensors[i].name;
    output.file = file;
    output.offset = placed->offsets[i];
    output.bytes = sized[shard.tensors[i]].bytes;
    output.dtype = tensors[i].dtype;
    layout.tensors.push_back(std::move(output));
  }
  std::sort(layout.tensors.begin() + first, layout.tensors.end(), [](const auto& a, const auto& b) {
    return std::pair{a.offset, std::string_view{a.name}} < std::pair{b.offset, std::string_view{b.name}};
  });
  return done();
}

}  // namespace

ReferenceShards reference_shards(const HuggingFaceRepository& repository) {
  return {repository.weight_map, repository.has_index, repository.index_metadata};
}

Result<HuggingFaceLayout> lay_out_hugging_face(const HuggingFaceLayoutRequest& request) {
  const auto sized = measure(request.tensors);
  if (!sized) return sized.error();
  const auto shards = lists_one_of(request.reference, *sized)
                          ? split_by_reference(*sized, request.reference, request.max_shard_size)
                          : split_by_size(*sized, request.max_shard_size);
  HuggingFaceLayout layout;
  for (const auto& tensor : *sized) layout.total_size += tensor.bytes;
  layout.weight_map.resize(request.tensors.size());
  for (const auto& shard : shards) {
    for (const auto at : shard.tensors) layout.weight_map[at] = {request.tensors[at].name, shard.file};
  }

  for (const auto& [name, text] : request.texts) add_text(layout, name, text);
  if (wants_index(shards, request.reference)) {
    WeightIndex index;
    index.metadata = true_metadata(request, layout.total_size);
    for (const auto& [tensor, file] : layout.weight_map) index.weight_map.emplace(tensor, file);
    add_text(layout, std::string{kSingleFile} + ".index.json", write_weight_index(index, layout.total_size));
  }
  layout.tensors.reserve(sized->size());
  for (const auto& shard : shards) {
    if (auto status = add_shard(layout, shard, request, *sized); !status) return std::move(status).error();
  }
  return layout;
}

}  // namespace weighbridge
