// Megatron -> Hugging Face, up to the plan.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>
#include <utility>

#include "checkpoints/megatron_document.hpp"
#include "conversion/conversion.hpp"
#include "conversion/reference.hpp"
#include "conversion/reference_tensors.hpp"
#include "conversion/source_use.hpp"
#include "conversion/totals.hpp"
#include "families/call.hpp"
#include "mapping/copies.hpp"

namespace weighbridge {
namespace {

std::optional<LiveTensor> live_parameter(const Equation& equation, const Catalogue& catalogue) {
  if (equation.experts > 0) return find_live_expert(catalogue, equation.stack, equation.layer, equation.name, equation.expert);
  if (equation.stack.empty()) return find_live(catalogue, equation.name);
  return find_live(catalogue, equation.stack, equation.layer, equation.name);
}

// What the equation says of the leading axes along which a checkpoint may join parameters.
Shape joined_extents(const Equation& equation, std::size_t axes) {
  if (axes == 2) return {equation.layers, equation.experts};
  return {equation.experts > 0 ? equation.experts : equation.layers};
}

// The stored parameter of every equation, checked against it, and that no stored one is left over.
Result<std::vector<StoredTensor>> stored_parameters(const EquationSet& set, const TorchDistCheckpoint& checkpoint, bool strict, Conversion& conversion) {
  const auto folder = checkpoint.location.folder.string();
  std::vector<StoredTensor> parameters;
  std::vector<std::string> missing;
  std::set<std::string> used;
  for (const auto& equation : set.equations) {
    const auto live = live_parameter(equation, checkpoint.catalogue);
    if (!live) {
      missing.push_back(equation.live_name());
      continue;
    }
    if (!live->joined.empty() && live->joined != joined_extents(equation, live->joined.size()))
      return Error{Error::Kind::mismatch, folder, "tensor " + live->key,
                   fmt::format("joins {} layers or experts; the configuration has {}", to_string(live->joined),
                               to_string(joined_extents(equation, live->joined.size()))),
                   "Give the configuration that belongs to these weights"};
    auto expected = equation.expression.shape;
    const auto& found = live->tensor.shape;
    if (equation.vocabulary && found.size() == expected.size() && found[0] > expected[0]) {
      conversion.padded.push_back({equation.live_name(), fmt::format("{} rows of vocabulary padding are cut off", found[0] - expected[0])});
      expected[0] = found[0];
    }
    if (found != expected)
      return Error{Error::Kind::mismatch, folder, "tensor " + equation.live_name(),
                   fmt::format("has the shape {}; the configuration makes it {}", to_string(found), to_string(expected)),
                   "Check the configuration of the checkpoint, or the reference given as --hf-model, against the weights"};
    used.insert(live->key);
    if (live->key.ends_with("_w")) used.insert(live->key.substr(0, live->key.size() - 2) + "_v");
    parameters.push_back(live->tensor);
  }
  if (!missing.empty())
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(missing)), "needed by the equations but not in the checkpoint",
                 "Check that the checkpoint is complete and of this model"};
  std::vector<std::string> unused;
  for (const auto& [key, tensor] : checkpoint.catalogue.tensors)
    if (!used.contains(key)) unused.push_back(key);
  if (!unused.empty() && strict)
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(unused)),
                 "in the checkpoint but used by no equation: converting would lose them",
                 "Check that the configuration belongs to these weights; --not-strict leaves them out and says so"};
  for (const auto& key : unused) conversion.dropped.push_back({key, "no equation uses it (--not-strict)"});
  return parameters;
}

struct Use {
  std::size_t equation{};
  const Piece* piece{};
};

// The type of a Hugging Face tensor that is made of Megatron parameters.
DType output_dtype(const std::string& name, const Equation& equation, DType stored, const ExportOptions& options, const Catalogue& known,
                   const boost::json::object& document) {
  if (options.dtype && !equation.keep_dtype) return *options.dtype;
  if (const auto found = known.tensors.find(name); found != known.tensors.end()) return found->second.dtype;
  if (equation.keep_dtype) return stored;
  return dtype_from_torch(string_field(document, "params_dtype").value_or("")).value_or(stored);
}

// torch_dtype (or dtype) of the config made true for what is written.
Status state_dtype(ConfigDocument& config, DType dtype) {
  const auto& known = std::as_const(config);
  const auto* key = known.find("torch_dtype") == nullptr && known.find("dtype") != nullptr ? "dtype" : "torch_dtype";
  if (config.string(key) == torch_name(dtype)) return done();
  return config.set(key, boost::json::value(torch_name(dtype)));
}

// A tensor of the reference that is written as it is there: what Megatron has no place for.
struct FromReference {
  std::string name;
  StoredTensor stored;
};

}  // namespace

Result<Conversion> prepare_export(const ExportOptions& options, Registry& registry) {
  auto location = locate_megatron(options.megatron);
  if (!location) return location.error();
  auto checkpoint = TorchDistCheckpoint::open(*location, {.configuration = !options.reference});
  if (!checkpoint) return checkpoint.error();
  Conversion conversion;
  conversion.notes = checkpoint->notes;
  const auto& other = checkpoint->other;
  if (other.optimizer_tensors + other.optimizer_objects + other.random_states + other.rerun_states > 0)
    conversion.dropped.push_back({"optimizer, random and rerun state",
                                  fmt::format("{} tensors and {} objects of training, for which Hugging Face has no place", other.optimizer_tensors,
                                              other.optimizer_objects + other.random_states + other.rerun_states)});
  auto reference = find_reference(options, *checkpoint, registry, conversion);
  if (!reference) return reference.error();
  conversion.family = family_id(reference->chosen.family);
  conversion.family_version = reference->chosen.family.manifest.version;
  conversion.architecture = reference->chosen.architecture;
  conversion.megatron = checkpoint->document;

  auto known = reference_tensors(*reference, *checkpoint);
  if (!known) return known.error();
  auto set = equations_of_export(*reference, *known, options, conversion);
  if (!set) return set.error();
  if (auto status = prove_family(*set, reference->chosen.family); !status) return status.error();
  auto parameters = stored_parameters(*set, *checkpoint, options.strict, conversion);
  if (!parameters) return parameters.error();

  const auto& leaves = set->algebra.leaves();
  std::vector<std::vector<Use>> uses(leaves.size());
  for (std::size_t i = 0; i < set->equations.size(); ++i)
    for (const auto& piece : set->equations[i].expression.pieces)
      if (!piece.echo) uses[piece.leaf].push_back({i, &piece});

  HuggingFaceLayoutRequest request{.tensors = {}, .reference = {}, .max_shard_size = options.max_shard_size, .texts = {}};
  std::map<std::string, std::size_t> leaf_of;
  for (std::size_t leaf = 0; leaf < leaves.size(); ++leaf) {
    if (uses[leaf].empty()) continue;  // storage, which the encoding of its values makes
    const auto first = uses[leaf].front().equation;
    request.tensors.push_back({leaves[leaf].name,
                               output_dtype(leaves[leaf].name, set->equations[first], (*parameters)[first].dtype, options, known->tensors, conversion.megatron),
                               leaves[leaf].shape});
    leaf_of[leaves[leaf].name] = leaf;
  }
  // Copies of tied tensors are written where the reference has them; what Megatron has no place for comes from there.
  std::map<std::string, FromReference> from_reference;
  for (const auto& said : set->declarations) {
    const bool present = known->tensors.tensors.contains(said.name);
    if (said.kind == Declaration::Kind::tied) {
      conversion.tied.push_back({said.name, fmt::format("the same as {}: {}{}", said.other, said.reason, present ? "; written, as in the reference" : "")});
      const auto original = leaf_of.find(said.other);
      if (present && original != leaf_of.end()) {
        const auto leaf = original->second;
        request.tensors.push_back({said.name, known->tensors.tensors.find(said.name)->second.dtype, leaves[leaf].shape});
        leaf_of[said.name] = leaf;
      }
    } else if (said.kind == Declaration::Kind::dropped || said.kind == Declaration::Kind::carried) {
      for (const auto& name : meant_by(said, set->algebra, known->tensors)) {
        const auto& stored = known->tensors.tensors.find(name)->second;
        if (stored.extents.empty() || !from_reference.emplace(name, FromReference{name, stored}).second) continue;
        request.tensors.push_back({name, stored.dtype, stored.shape});
        conversion.carried.push_back({name, fmt::format("from {}: {}", known->origin, said.reason)});
      }
    }
  }
  if (reference->repository) request.reference = reference_shards(*reference->repository);
  if (const auto dtype = options.dtype ? options.dtype : dtype_from_torch(string_field(conversion.megatron, "params_dtype").value_or(""));
      dtype && (options.dtype || !reference->has_weights))
    if (auto status = state_dtype(reference->config, *dtype); !status) return status.error();
  request.texts.push_back({"config.json", reference->config.text({.sort_keys = reference->standard_style})});
  conversion.hugging_face = reference->config.root();

  auto layout = lay_out_hugging_face(request);
  if (!layout) return layout.error();
  auto& plan = conversion.plan;
  plan.sources = checkpoint->catalogue.files;
  const auto reference_files = static_cast<std::uint32_t>(plan.sources.size());
  if (!from_reference.empty())
    plan.sources.insert(plan.sources.end(), known->tensors.files.begin(), known->tensors.files.end());
  plan.files = std::move(layout->files);
  plan.tensors = std::move(layout->tensors);
  plan.literals = std::move(layout->literals);
  for (auto& output : plan.tensors) {
    if (const auto whole = from_reference.find(output.name); whole != from_reference.end()) {
      auto stored = whole->second.stored;
      for (auto& extent : stored.extents) extent.file += reference_files;
      if (auto status = append_copies(identity_map(element_count(stored.shape).value_or(0)), stored, output.dtype, 0, output.copies); !status)
        return status.error();
    } else {
      for (const auto& [equation, piece] : uses[leaf_of.at(output.name)])
        if (auto status = append_copies(piece->map.inverse(), (*parameters)[equation], output.dtype, -piece->addend, output.copies); !status)
          return status.error();
    }
    order_copies(output.copies);
  }
  for (const auto& file : reference->side_files) {
    plan.carried.push_back(file);
    conversion.carried.push_back({file.path.string(), "side file"});
  }
  conversion.mapped = static_cast<std::int64_t>(leaf_of.size());
  count_bytes(conversion);
  return conversion;
}

}  // namespace weighbridge
