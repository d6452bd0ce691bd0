#include "conversion/stored_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "checkpoints/hybrid_names.hpp"
#include "checkpoints/rank_files_reader.hpp"
#include "conversion/laid_parameters.hpp"
#include "conversion/source_use.hpp"
#include "formats/input_file.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kLargestCompared = 4 << 20;  // bytes: norms, routers

std::optional<LiveTensor> find_parameter(const LiveParameter& wanted, const Catalogue& catalogue) {
  if (wanted.experts > 0) return find_live_expert(catalogue, wanted.prefix, wanted.layer, wanted.rest, wanted.expert);
  if (wanted.prefix.empty()) return find_live(catalogue, wanted.rest);
  return find_live(catalogue, wanted.prefix, wanted.layer, wanted.rest);
}

// What the equation says of the leading axes along which a checkpoint may join parameters.
Shape joined_extents(const Equation& equation, std::size_t axes) {
  if (axes == 2) return {equation.layers, equation.experts};
  return {equation.experts > 0 ? equation.experts : equation.layers};
}

// What later stages hold of the ends of the language model: the embedding, the output layer, or the embedding as the output
// layer that is tied to it. All of it is used; gives what must be the first stage's embedding, with it.
std::vector<std::pair<std::string, std::string>> copies_of_ends(const MegatronCheckpoint& checkpoint, const EquationSet& set, std::set<std::string>& used) {
  std::vector<std::pair<std::string, std::string>> copies;
  const auto embedding = std::ranges::find_if(set.equations, [](const auto& equation) { return equation.stack.empty() && equation.name.ends_with(kWordEmbeddings); });
  if (embedding == set.equations.end()) return copies;
  const auto backbone = embedding->name.substr(0, embedding->name.size() - kWordEmbeddings.size());
  const bool tied = std::ranges::none_of(set.equations, [&](const auto& equation) { return equation.stack.empty() && equation.name == backbone + std::string{kOutputLayer}; });
  const auto& ranks = *checkpoint.ranks;
  for (const auto& rank : ranks.ranks)
    for (std::int64_t chunk = 0; chunk < ranks.layout.chunks(); ++chunk)
      for (std::int64_t stage = 0; stage < ranks.layout.pipeline; ++stage)
        for (const auto name : {kWordEmbeddings, kOutputLayer}) {
          const auto key = ranks.prefix(rank, {stage, chunk}) + backbone + std::string{name};
          if (!checkpoint.catalogue.tensors.contains(key)) continue;
          used.insert(key);
          const auto first = ranks.prefix(rank, {0, 0}) + embedding->name;
          if (key != first && (tied || name == kWordEmbeddings)) copies.emplace_back(first, key);
        }
  return copies;
}

// Copies that ranks hold must be copies, for only the first is taken. Large ones are looked at only where they are tied.
Status check_copies(const MegatronCheckpoint& checkpoint, const std::vector<std::pair<std::string, std::string>>& copies, std::int64_t largest,
                    std::vector<ParameterFault>& faults) {
  for (const auto& [first, copy] : copies) {
    const auto one = checkpoint.catalogue.tensors.find(first), other = checkpoint.catalogue.tensors.find(copy);
    if (one == checkpoint.catalogue.tensors.end() || byte_count(one->second.shape, one->second.dtype).value_or(0) > largest) continue;
    auto same = same_bits(checkpoint.catalogue, one->second, other->second);
    if (!same) return same.error();
    if (*same) continue;
    faults.push_back({ParameterFault::Kind::copy, {}, {},
                      Error{Error::Kind::mismatch, checkpoint.catalogue.files[other->second.extents.front().file].string(),
                            "tensor " + copy.substr(copy.find('/') + 1), fmt::format("differs from {}, though Megatron keeps both alike", first),
                            "Find out which is right; --not-strict takes the first"}});
  }
  return done();
}

// That every element is the number, for which Hugging Face has no place.
Status check_constant(const Catalogue& catalogue, const StoredTensor& tensor, double number) {
  const auto expected = exact_bits(number, tensor.dtype);
  const auto size = static_cast<std::uint64_t>(bits(tensor.dtype)) / 8;
  for (const auto& extent : tensor.extents) {
    const auto path = catalogue.files[extent.file];
    const auto wrong = [&](std::string problem) {
      return Error{Error::Kind::mismatch, path.string(), tensor.name, std::move(problem),
                   "Train on without this parameter: a Hugging Face model of this kind has none"};
    };
    if (!expected || extent.strides != row_major_strides(extent.box.sizes)) return wrong("is stored in a way that cannot be looked through");
    auto file = InputFile::open(path);
    if (!file) return file.error();
    std::vector<char> bytes(static_cast<std::size_t>(element_count(extent.box.sizes).value_or(0)) * size);
    if (auto status = file->read(extent.offset, bytes); !status) return status;
    for (std::size_t i = 0; i < bytes.size(); ++i)
      if (static_cast<unsigned char>(bytes[i]) != static_cast<unsigned char>(*expected >> 8 * (i % size)))
        return wrong(fmt::format("is not {} everywhere, and Hugging Face has no place for other values", number));
  }
  return done();
}

}  // namespace

Result<FoundParameters> find_parameters(const EquationSet& set, const MegatronCheckpoint& checkpoint, std::string_view hybrid_pattern) {
  const auto folder = checkpoint.location.folder.string();
  FoundParameters result;
  std::set<std::string> used;
  std::vector<LiveParameter> wanted;
  for (const auto& equation : set.equations) wanted.push_back(live_parameter(equation, {}));
  if (!hybrid_pattern.empty())
    if (auto status = named_in(folder, name_as_hybrid(hybrid_pattern, wanted)); !status) return status.error();
  std::vector<std::optional<StoredTensor>> assembled;
  if (checkpoint.ranks) {
    std::vector<std::pair<std::string, std::string>> copies;
    auto made = assemble(checkpoint, wanted, used, &copies);
    if (!made) return made.error();
    assembled = *std::move(made);
    if (auto status = check_copies(checkpoint, copies, kLargestCompared, result.faults); !status) return status.error();
    if (auto status = check_copies(checkpoint, copies_of_ends(checkpoint, set, used), std::numeric_limits<std::int64_t>::max(), result.faults); !status)
      return status.error();
  }
  const auto lookup = [&](std::size_t i) -> std::optional<LiveTensor> {
    if (!checkpoint.ranks) return find_parameter(wanted[i], checkpoint.catalogue);
    if (!assembled[i]) return {};
    return LiveTensor{{}, {}, *std::move(assembled[i])};
  };
  for (std::size_t number = 0; number < set.equations.size(); ++number) {
    const auto& equation = set.equations[number];
    const auto fault = [&](ParameterFault::Kind kind, Error error) { result.faults.push_back({kind, number, {}, std::move(error)}); };
    auto& parameter = result.parameters.emplace_back();
    const auto live = lookup(number);
    if (!live && equation.expression.constant) continue;  // not every release of Megatron-Core has it
    if (!live) {
      fault(ParameterFault::Kind::missing, {Error::Kind::mismatch, folder, equation.live_name(), "needed by the equations but not in the checkpoint",
            "Check that the checkpoint is complete; if its family was guessed wrongly, name it with --architecture or --hf-model"});
      continue;
    }
    if (!live->key.empty()) used.insert(live->key);
    if (live->key.ends_with("_w")) used.insert(live->key.substr(0, live->key.size() - 2) + "_v");
    if (!live->joined.empty() && live->joined != joined_extents(equation, live->joined.size())) {
      fault(ParameterFault::Kind::joined, {Error::Kind::mismatch, folder, "tensor " + live->key,
                                           fmt::format("joins {} layers or experts; the configuration has {}", to_string(live->joined),
                                                       to_string(joined_extents(equation, live->joined.size()))),
                                           "Give the configuration that belongs to these weights"});
      continue;
    }
    auto expected = equation.expression.shape;
    const auto& found = live->tensor.shape;
    if (equation.vocabulary && found.size() == expected.size() && found[0] > expected[0]) {
      result.padded.push_back({equation.live_name(), fmt::format("{} rows of vocabulary padding are cut off", found[0] - expected[0]), kVocabularyRule});
      expected[0] = found[0];
    }
    if (found != expected) {
      fault(ParameterFault::Kind::shape, {Error::Kind::mismatch, folder, "tensor " + equation.live_name(),
                                          fmt::format("has the shape {}; the configuration makes it {}", to_string(found), to_string(expected)),
                                          "Check the configuration of the checkpoint, or the reference given as --hf-model, against the weights"});
      result.faults.back().found = live->tensor;
      continue;
    }
    if (const auto constant = equation.expression.constant)
      if (auto status = check_constant(checkpoint.catalogue, live->tensor, *constant); !status) {
        if (status.error().kind != Error::Kind::mismatch) return status.error();
        fault(ParameterFault::Kind::constant, std::move(status).error());
        continue;
      }
    parameter = live->tensor;
  }
  for (const auto& [key, tensor] : checkpoint.catalogue.tensors)
    if (!used.contains(key)) result.unused.push_back(key);
  return result;
}

Result<std::vector<StoredTensor>> stored_parameters(const EquationSet& set, const MegatronCheckpoint& checkpoint, std::string_view hybrid_pattern, bool strict,
                                                    Conversion& conversion) {
  auto found = find_parameters(set, checkpoint, hybrid_pattern);
  if (!found) return found.error();
  std::vector<std::string> missing;
  for (const auto& fault : found->faults) {
    if (fault.kind == ParameterFault::Kind::missing) {
      missing.push_back(fault.error.subject);
    } else if (fault.kind == ParameterFault::Kind::copy && !strict) {
      conversion.notes.push_back(fmt::format("{} {}; the latter is what is converted", fault.error.subject, fault.error.problem));
    } else {
      return fault.error;
    }
  }
  const auto folder = checkpoint.location.folder.string();
  if (!missing.empty())
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(missing)), "needed by the equations but not in the checkpoint",
                 "Check that the checkpoint is complete; if its family was guessed wrongly, name it with --architecture or --hf-model"};
  if (!found->unused.empty() && strict)
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(found->unused)),
                 "in the checkpoint but used by no equation: converting would lose them",
                 "Check that the configuration belongs to these weights; --not-strict leaves them out and says so"};
  for (const auto& key : found->unused) conversion.dropped.push_back({key, "no equation uses it", kNotStrict});
  for (auto& padded : found->padded) conversion.padded.push_back(std::move(padded));
  std::vector<StoredTensor> parameters;
  for (auto& parameter : found->parameters) parameters.push_back(parameter ? *std::move(parameter) : StoredTensor{});
  return parameters;
}

}  // namespace weighbridge
