#include "verify/inspect.hpp"

#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace weighbridge {
namespace {

// Where a tensor's first part lies; tensors that share it are one in memory.
using Place = std::tuple<std::uint32_t, std::uint64_t, Shape>;

Result<Inspection> counted(const AnyCheckpoint& checkpoint) {
  Inspection inspection;
  inspection.kind = checkpoint.kind();
  inspection.folder = checkpoint.folder();
  std::set<Place> places;
  std::set<std::uint32_t> files;
  for (const auto& [name, tensor] : checkpoint.catalogue().tensors) {
    std::set<std::uint32_t> own;
    for (const auto& extent : tensor.extents) own.insert(extent.file);
    files.insert(own.begin(), own.end());
    inspection.tensors.push_back({name, tensor.dtype, tensor.shape, static_cast<std::int64_t>(own.size())});

    const auto elements = element_count(tensor.shape), bytes = byte_count(tensor.shape, tensor.dtype);
    const auto parameters = elements ? checked_add(inspection.parameters, *elements) : std::nullopt;
    const auto total = bytes ? checked_add(static_cast<std::int64_t>(inspection.bytes), *bytes) : std::nullopt;
    if (!parameters || !total)
      return Error{Error::Kind::format, checkpoint.folder().string(), name,
                   "its shape " + to_string(tensor.shape) + " has more elements than any file", "Take a complete copy of the checkpoint"};
    auto& share = inspection.dtypes[tensor.dtype];
    ++share.tensors;
    if (!tensor.extents.empty() && *elements > 0 &&
        !places.emplace(tensor.extents[0].file, tensor.extents[0].offset, tensor.shape).second)
      continue;
    inspection.parameters = *parameters;
    inspection.bytes = static_cast<std::uint64_t>(*total);
    share.parameters += *elements;
    share.bytes += static_cast<std::uint64_t>(*bytes);
  }
  inspection.files = static_cast<std::int64_t>(files.size());
  return inspection;
}

HuggingFaceFacts facts_of(const HuggingFaceRepository& repository) {
  HuggingFaceFacts facts;
  facts.architecture = repository.config.string("architectures.0").value_or("");
  facts.model_type = repository.config.string("model_type").value_or("");
  facts.format = repository.format;
  facts.has_index = repository.has_index;
  facts.tied = repository.config.boolean("tie_word_embeddings");
  if (!facts.tied) facts.tied = repository.config.boolean("text_config.tie_word_embeddings");
  for (const auto& file : repository.weight_files) facts.weight_files.push_back(file.name);
  for (const auto& file : repository.side_files) facts.side_files.push_back(file.path.string());
  facts.left_out = repository.left_out;
  return facts;
}

// Of a key within a stack: its prefix and whether a layer's number follows.
std::optional<std::pair<std::string, bool>> stack_of(std::string_view key) {
  constexpr std::string_view kLayers = "layers.";
  const auto at = key.find(kLayers);
  if (at == std::string_view::npos || (at > 0 && key[at - 1] != '.')) return {};
  const auto rest = key.substr(at + kLayers.size());
  const auto number = rest.substr(0, rest.find('.'));
  const bool per_layer = !number.empty() && number.find_first_not_of("0123456789") == std::string_view::npos;
  return std::pair{std::string{key.substr(0, at + kLayers.size())}, per_layer};
}

Result<MegatronFacts> facts_of(const MegatronCheckpoint& checkpoint) {
  MegatronFacts facts;
  facts.iteration = checkpoint.iteration ? checkpoint.iteration : checkpoint.location.iteration;
  facts.flavor = checkpoint.flavor;
  facts.storage = checkpoint.location.storage;
  if (checkpoint.ranks) facts.layout = checkpoint.ranks->layout;
  facts.other = checkpoint.other;
  if (const auto* tied = checkpoint.document.if_contains("share_embeddings_and_output_weights"); tied && tied->is_bool())
    facts.tied = tied->get_bool();
  std::map<std::string, LayerStack> stacks;
  for (const auto& [key, tensor] : checkpoint.catalogue.tensors)
    if (const auto found = stack_of(key)) {
      auto& stack = stacks[found->first];
      stack.prefix = found->first;
      ++(found->second ? stack.per_layer_keys : stack.stacked_keys);
    }
  for (auto& [prefix, stack] : stacks) {
    stack.layers = count_layers(checkpoint.catalogue, prefix).value_or(0);
    facts.stacks.push_back(std::move(stack));
  }
  return facts;
}

}  // namespace

Result<Inspection> inspect(const std::filesystem::path& path) {
  const auto checkpoint = open_any(path);
  if (!checkpoint) return checkpoint.error();
  auto inspection = counted(*checkpoint);
  if (!inspection) return inspection;
  if (const auto* repository = std::get_if<HuggingFaceRepository>(&checkpoint->content)) {
    inspection->hugging_face = facts_of(*repository);
    inspection->notes = repository->notes;
    return inspection;
  }
  const auto& megatron = std::get<MegatronCheckpoint>(checkpoint->content);
  auto facts = facts_of(megatron);
  if (!facts) return std::move(facts).error();
  inspection->megatron = std::move(*facts);
  inspection->notes = megatron.notes;
  if (!megatron.flavor)
    inspection->notes.emplace_back("The checkpoint holds no configuration (neither run_config.yaml nor args in the common state)");
  return inspection;
}

}  // namespace weighbridge
