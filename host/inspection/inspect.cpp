#include <algorithm>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "inspection/inspection.hpp"
#include "inspection/salvaged.hpp"
#include "inspection/views.hpp"

namespace weighbridge {
namespace {

// Where a tensor's first part lies; tensors that share it are one in memory.
using Place = std::tuple<std::uint32_t, std::uint64_t, Shape>;

// Fills in what is counted. A shape with more elements than any file is a defect and counts for nothing.
void count(const Catalogue& catalogue, Inspection& inspection) {
  std::set<Place> places;
  std::set<std::uint32_t> files;
  std::vector<std::string> names;
  for (const auto& file : catalogue.files) {
    const auto relative = file.lexically_relative(inspection.folder);
    names.push_back(relative.empty() || *relative.begin() == ".." ? file.string() : relative.string());
  }
  for (const auto& [name, tensor] : catalogue.tensors) {
    std::set<std::uint32_t> own;
    for (const auto& extent : tensor.extents) own.insert(extent.file);
    files.insert(own.begin(), own.end());
    auto& inspected = inspection.tensors.emplace_back(InspectedTensor{name, tensor.dtype, tensor.shape, {}});
    for (const auto file : own) inspected.files.push_back(names[file]);
    std::ranges::sort(inspected.files);

    const auto elements = element_count(tensor.shape), bytes = byte_count(tensor.shape, tensor.dtype);
    const auto parameters = elements ? checked_add(inspection.parameters, *elements) : std::nullopt;
    const auto total = bytes ? checked_add(static_cast<std::int64_t>(inspection.bytes), *bytes) : std::nullopt;
    if (!parameters || !total) {
      inspection.findings.push_back({Finding::Kind::defect,
                                     {},
                                     "tensor " + name,
                                     "its shape " + to_string(tensor.shape) + " has more elements than any file",
                                     "Take a complete copy of the checkpoint"});
      continue;
    }
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
}

std::optional<bool> tied(const ConfigDocument& config) {
  const auto stated = config.boolean("tie_word_embeddings");
  return stated ? stated : config.boolean("text_config.tie_word_embeddings");
}

HuggingFaceFacts facts_of(const HuggingFaceRepository& repository) {
  HuggingFaceFacts facts;
  facts.architecture = repository.config.string("architectures.0").value_or("");
  facts.model_type = repository.config.string("model_type").value_or("");
  facts.format = repository.format;
  facts.has_index = repository.has_index;
  facts.tied = tied(repository.config);
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

std::vector<LayerStack> stacks_of(const Catalogue& catalogue) {
  std::map<std::string, LayerStack> stacks;
  for (const auto& [key, tensor] : catalogue.tensors)
    if (const auto found = stack_of(key)) {
      auto& stack = stacks[found->first];
      stack.prefix = found->first;
      ++(found->second ? stack.per_layer_keys : stack.stacked_keys);
    }
  std::vector<LayerStack> result;
  for (auto& [prefix, stack] : stacks) {
    stack.layers = count_layers(catalogue, prefix).value_or(0);
    result.push_back(std::move(stack));
  }
  return result;
}

MegatronFacts facts_of(const MegatronCheckpoint& checkpoint) {
  MegatronFacts facts;
  facts.iteration = checkpoint.iteration ? checkpoint.iteration : checkpoint.location.iteration;
  facts.flavor = checkpoint.flavor;
  facts.storage = checkpoint.location.storage;
  if (checkpoint.ranks) facts.layout = checkpoint.ranks->layout;
  facts.other = checkpoint.other;
  if (const auto* tied = checkpoint.document.if_contains("share_embeddings_and_output_weights");
      tied && tied->is_bool())
    facts.tied = tied->get_bool();
  if (checkpoint.flavor) facts.saved_by = stated_layout(checkpoint.document);
  facts.stacks = stacks_of(checkpoint.catalogue);
  return facts;
}

// Defects first; of each kind in the order in which they were found.
void sort_findings(Inspection& inspection) { std::ranges::stable_sort(inspection.findings, {}, &Finding::kind); }

void look(const ConfigDocument& configuration, const Catalogue& catalogue, Registry& registry, Inspection& inspection) {
  inspection.configuration = configuration.root();
  count(catalogue, inspection);
  sort_findings(inspection);
  if (!configuration.root().empty()) look_with_family(configuration, catalogue, registry, inspection);
  look_for_oddities(catalogue, inspection);
  sort_findings(inspection);
}

Inspection of_repository(const HuggingFaceRepository& repository, Registry& registry) {
  Inspection inspection;
  inspection.kind = CheckpointKind::hugging_face;
  inspection.folder = repository.folder;
  inspection.hugging_face = facts_of(repository);
  inspection.notes = repository.notes;
  look(repository.config, repository.catalogue, registry, inspection);
  return inspection;
}

Inspection of_checkpoint(const MegatronCheckpoint& checkpoint, Registry& registry) {
  Inspection inspection;
  inspection.kind = CheckpointKind::megatron;
  inspection.folder = checkpoint.location.folder;
  inspection.megatron = facts_of(checkpoint);
  inspection.notes = checkpoint.notes;
  if (!checkpoint.flavor)
    inspection.notes.emplace_back(
        "The checkpoint holds no configuration (neither run_config.yaml nor args in the common state)");
  look(ConfigDocument{checkpoint.document}, checkpoint.catalogue, registry, inspection);
  return inspection;
}

Inspection of_salvage(Inspection inspection, Salvaged salvaged, Registry& registry) {
  inspection.findings = std::move(salvaged.findings);
  const auto configuration = salvaged.config.value_or(ConfigDocument{});
  if (inspection.kind == CheckpointKind::hugging_face) {
    inspection.hugging_face.emplace();
    auto& facts = *inspection.hugging_face;
    facts.architecture = configuration.string("architectures.0").value_or("");
    facts.model_type = configuration.string("model_type").value_or("");
    facts.format = std::ranges::any_of(salvaged.weight_files, [](const auto& file) { return file.ends_with(".bin"); })
                       ? WeightFormat::torch
                       : WeightFormat::safetensors;
    facts.has_index = salvaged.has_index;
    facts.tied = tied(configuration);
    facts.weight_files = std::move(salvaged.weight_files);
  } else {
    inspection.megatron->stacks = stacks_of(salvaged.catalogue);
  }
  look(configuration, salvaged.catalogue, registry, inspection);
  return inspection;
}

}  // namespace

Result<Inspection> inspect(const std::filesystem::path& path, Registry& registry) {
  const auto kind = recognise(path);
  if (!kind) return kind.error();
  Inspection inspection;
  inspection.kind = *kind;
  inspection.folder = path;
  if (*kind == CheckpointKind::hugging_face) {
    const auto repository = HuggingFaceRepository::open(path);
    return repository ? of_repository(*repository, registry)
                      : of_salvage(std::move(inspection), salvage_hugging_face(path, repository.error()), registry);
  }
  const auto location = locate_megatron(path);
  if (!location) return location.error();
  const auto checkpoint = MegatronCheckpoint::open(*location, {.configuration = false});
  if (checkpoint) return of_checkpoint(*checkpoint, registry);
  inspection.folder = location->folder;
  inspection.megatron.emplace();
  inspection.megatron->iteration = location->iteration;
  inspection.megatron->storage = location->storage;
  return of_salvage(std::move(inspection), salvage_megatron(*location, checkpoint.error()), registry);
}

}  // namespace weighbridge
