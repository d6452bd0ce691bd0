#include "verify/model_pair.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"
#include "checkpoints/megatron_location.hpp"
#include "conversion/family_choice.hpp"
#include "conversion/megatron_model.hpp"
#include "conversion/source_use.hpp"
#include "conversion/stored_parameters.hpp"
#include "families/call.hpp"
#include "verify/paired_plans.hpp"
#include "verify/paired_tensors.hpp"

namespace weighbridge {
namespace {

Difference difference(DifferenceKind kind, std::string name, std::string expected, std::string actual, std::string cause = {}) {
  Difference made{};
  made.kind = kind;
  made.name = std::move(name);
  made.expected = std::move(expected);
  made.actual = std::move(actual);
  made.cause = std::move(cause);
  return made;
}

// What the equations need of the Hugging Face side and do not find there.
void look_at_leaves(ModelPair& pair) {
  pair.source = pair.repository.catalogue;
  pair.excluded.resize(pair.set.algebra.leaves().size());
  for (std::size_t i = 0; i < pair.excluded.size(); ++i) {
    const auto& leaf = pair.set.algebra.leaves()[i];
    if (leaf.decoding) {
      pair.excluded[i] = pair.excluded[leaf.decoding->data] || (leaf.decoding->scales && pair.excluded[*leaf.decoding->scales]);
      continue;
    }
    const auto found = pair.source.tensors.find(leaf.name);
    if (found != pair.source.tensors.end() && found->second.shape == leaf.shape) continue;
    pair.excluded[i] = true;
    if (found == pair.source.tensors.end())
      pair.differences.push_back(difference(DifferenceKind::missing, leaf.name, to_string(leaf.shape), "", "config.json says that the model has it, and the weights lack it"));
    else
      pair.differences.push_back(difference(DifferenceKind::shape, leaf.name, to_string(leaf.shape), to_string(found->second.shape),
                                            "config.json and the Hugging Face weights are not of one model"));
    pair.source.tensors[leaf.name] = {leaf.name, DType::f32, leaf.shape, {}};
  }
}

Status look_at_declarations(ModelPair& pair) {
  const auto& tensors = pair.repository.catalogue.tensors;
  std::set<std::string, std::less<>> declared;
  for (const auto& said : pair.set.declarations) {
    if (said.kind == Declaration::Kind::carried) {
      for (auto& name : meant_by(said, pair.set.algebra, pair.repository.catalogue)) declared.insert(std::move(name));
      continue;
    }
    declared.insert(said.name);
    if (said.kind == Declaration::Kind::zeros) {
      const auto other = nonzero_beyond_use(pair.set, pair.repository.catalogue, said.name);
      if (!other) return other.error();
      if (*other)
        pair.differences.push_back(difference(DifferenceKind::bits, said.name, fmt::format("0 at element {}", **other), "another value",
                                              fmt::format("Megatron has no place for it: {}", said.reason)));
      continue;
    }
    const auto copy = tensors.find(said.name), original = tensors.find(said.other);
    if (said.kind != Declaration::Kind::tied || copy == tensors.end() || original == tensors.end()) continue;
    auto same = same_bits(pair.repository.catalogue, copy->second, original->second);
    if (!same) return same.error();
    if (!*same)
      pair.differences.push_back(difference(DifferenceKind::copy, said.name, "the same elements as " + said.other, "differs",
                                            fmt::format("the configuration ties it ({}), and Megatron keeps only the latter", said.reason)));
  }
  for (const auto& [name, tensor] : tensors)
    if (!pair.set.algebra.find(name) && !declared.contains(name))
      pair.differences.push_back(difference(DifferenceKind::unexpected, name, "", described(tensor), "no equation of the family uses it: Megatron does not hold it"));
  return done();
}

// A missing parameter and an unused key of one form are likely one that was renamed.
std::string renamed(const std::vector<std::string>& unused, const Catalogue& catalogue, const Shape& shape) {
  std::string found;
  for (const auto& key : unused) {
    if (catalogue.tensors.at(key).shape != shape) continue;
    if (!found.empty()) return {};
    found = key;
  }
  return found.empty() ? found : fmt::format("perhaps it is the key {}, which nothing uses", found);
}

Status look_at_parameters(ModelPair& pair, std::string_view hybrid_pattern) {
  auto found = find_parameters(pair.set, pair.checkpoint, hybrid_pattern);
  if (!found) return found.error();
  const auto& equations = pair.set.equations;
  pair.parameters = std::move(found->parameters);
  pair.misshapen.resize(pair.parameters.size());
  for (std::size_t i = 0; i < pair.parameters.size(); ++i) {
    const auto& shape = equations[i].expression.shape;
    if (pair.parameters[i] && pair.parameters[i]->shape != shape) pair.parameters[i] = leading_rows(*pair.parameters[i], shape.at(0));
  }
  std::size_t missing = 0;
  for (const auto& fault : found->faults) missing += fault.kind == ParameterFault::Kind::missing;
  for (auto& fault : found->faults) {
    const auto name = fault.equation ? equations[*fault.equation].live_name() : fault.error.subject;
    const auto shape = fault.equation ? equations[*fault.equation].expression.shape : Shape{};
    switch (fault.kind) {
      case ParameterFault::Kind::missing: {
        auto cause = renamed(found->unused, pair.checkpoint.catalogue, shape);
        if (cause.empty()) cause = missing == pair.parameters.size() ? "the checkpoint holds nothing of this model" : "the checkpoint is incomplete, or config.json claims more than it holds";
        pair.differences.push_back(difference(DifferenceKind::missing, name, to_string(shape), "", std::move(cause)));
        break;
      }
      case ParameterFault::Kind::shape:
        pair.misshapen[*fault.equation] = fault.found;
        pair.differences.push_back(difference(DifferenceKind::shape, name, to_string(shape), to_string(fault.found->shape)));
        break;
      case ParameterFault::Kind::joined: {  // one key for many parameters
        const auto& key = fault.error.subject;
        if (std::ranges::find(pair.differences, key, &Difference::name) == pair.differences.end())
          pair.differences.push_back(difference(DifferenceKind::shape, key, "one row for each that the configuration has", fault.error.problem, "the number of layers or experts differs"));
        break;
      }
      case ParameterFault::Kind::constant:
        pair.differences.push_back(difference(DifferenceKind::bits, name, fmt::format("{} everywhere", *equations[*fault.equation].expression.constant), "something else",
                                              fault.error.problem));
        break;
      case ParameterFault::Kind::copy:
        pair.differences.push_back(difference(DifferenceKind::copy, name.substr(std::string_view{"tensor "}.size()), "the same elements on every rank",
                                              fmt::format("in {} it {}", fault.error.file, fault.error.problem), "ranks of different runs or steps were put together"));
        break;
    }
  }
  for (const auto& key : found->unused)
    pair.differences.push_back(difference(DifferenceKind::unexpected, key, "", described(pair.checkpoint.catalogue.tensors.at(key)),
                                          "no equation uses it: the model that config.json describes does not have it"));
  return done();
}

}  // namespace

HeadGeometry head_geometry(const boost::json::object& megatron) {
  HeadGeometry heads;
  for (const auto field : {"kv_channels", "qk_pos_emb_head_dim"})
    if (const auto width = integer_field(megatron, field)) heads.rotated_widths.push_back(*width);
  heads.query_groups = integer_field(megatron, "num_query_groups").value_or(0);
  return heads;
}

Result<ModelPair> open_model_pair(const std::filesystem::path& hugging_face, const std::filesystem::path& megatron, Registry& registry) {
  auto repository = HuggingFaceRepository::open(hugging_face);
  if (!repository) return repository.error();
  auto chosen = choose_family(repository->config, registry);
  if (!chosen) return chosen.error();
  auto location = locate_megatron(megatron);
  if (!location) return location.error();
  auto checkpoint = MegatronCheckpoint::open(*location, {.configuration = false});
  if (!checkpoint) return checkpoint.error();

  ModelPair pair;
  pair.hugging_face = hugging_face;
  pair.megatron = location->folder;
  pair.family = family_id(chosen->family);
  pair.family_version = chosen->family.manifest.version;
  pair.architecture = chosen->architecture;
  pair.notes = repository->notes;
  pair.notes.insert(pair.notes.end(), checkpoint->notes.begin(), checkpoint->notes.end());
  pair.repository = *std::move(repository);
  pair.checkpoint = *std::move(checkpoint);
  ExportOptions request;
  request.megatron = megatron;
  request.reference = hugging_face;
  auto hybrid_pattern = understood_as_gpt(request, registry, pair.checkpoint);
  if (!hybrid_pattern) return hybrid_pattern.error();

  const auto& catalogue = pair.repository.catalogue;
  auto document = to_megatron(chosen->family, pair.repository.config, pair.notes, &catalogue);
  if (!document) return document.error();
  pair.document = *std::move(document);
  auto set = state_equations(chosen->family, pair.repository.config, &catalogue, pair.notes, &pair.document);
  if (!set) return set.error();
  pair.set = *std::move(set);
  if (auto status = settle_copies(pair.set, catalogue); !status) return status.error();
  if (auto status = prove_family(pair.set, chosen->family); !status) return status.error();

  look_at_leaves(pair);
  if (auto status = look_at_declarations(pair); !status) return status.error();
  if (auto status = look_at_parameters(pair, *hybrid_pattern); !status) return status.error();
  pair.expected.sources = catalogue.files;
  return pair;
}

}  // namespace weighbridge
