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
                    bool strict, Conversion& conversion) {
  for (const auto& [first, copy] : copies) {
    const auto one = checkpoint.catalogue.tensors.find(first), other = checkpoint.catalogue.tensors.find(copy);
    if (one == checkpoint.catalogue.tensors.end() || byte_count(one->second.shape, one->second.dtype).value_or(0) > largest) continue;
    auto same = same_bits(checkpoint.catalogue, one->second, other->second);
    if (!same) return same.error();
    if (*same) continue;
    if (!strict) {
      conversion.notes.push_back(fmt::format("{} differs from {}, which is what is converted", copy, first));
      continue;
    }
    return Error{Error::Kind::mismatch, checkpoint.catalogue.files[other->second.extents.front().file].string(), "tensor " + copy.substr(copy.find('/') + 1),
                 fmt::format("differs from {}, though Megatron keeps both alike", first), "Find out which is right; --not-strict takes the first"};
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

Result<std::vector<StoredTensor>> stored_parameters(const EquationSet& set, const MegatronCheckpoint& checkpoint, std::string_view hybrid_pattern, bool strict,
                                                    Conversion& conversion) {
  const auto folder = checkpoint.location.folder.string();
  std::vector<StoredTensor> parameters;
  std::vector<std::string> missing;
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
    if (auto status = check_copies(checkpoint, copies, kLargestCompared, strict, conversion); !status) return status.error();
    if (auto status = check_copies(checkpoint, copies_of_ends(checkpoint, set, used), std::numeric_limits<std::int64_t>::max(), strict, conversion); !status)
      return status.error();
  }
  std::size_t number = 0;
  const auto lookup = [&](std::size_t i) -> std::optional<LiveTensor> {
    if (!checkpoint.ranks) return find_parameter(wanted[i], checkpoint.catalogue);
    if (!assembled[i]) return {};
    return LiveTensor{{}, {}, *std::move(assembled[i])};
  };
  for (const auto& equation : set.equations) {
    const auto live = lookup(number++);
    if (!live && equation.expression.constant) {  // not every release of Megatron-Core has it
      parameters.emplace_back();
      continue;
    }
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
    if (const auto constant = equation.expression.constant)
      if (auto status = check_constant(checkpoint.catalogue, live->tensor, *constant); !status) return status.error();
    if (!live->key.empty()) used.insert(live->key);
    if (live->key.ends_with("_w")) used.insert(live->key.substr(0, live->key.size() - 2) + "_v");
    parameters.push_back(live->tensor);
  }
  if (!missing.empty())
    return Error{Error::Kind::mismatch, folder, fmt::format("tensors {}", some_of(missing)), "needed by the equations but not in the checkpoint",
                 "Check that the checkpoint is complete; if its family was guessed wrongly, name it with --architecture or --hf-model"};
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

}  // namespace weighbridge
