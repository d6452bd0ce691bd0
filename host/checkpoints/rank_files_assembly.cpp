// Whole parameters out of the shares in rank files.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "checkpoints/rank_files_reader.hpp"
#include "checkpoints/rank_names.hpp"

namespace weighbridge {
namespace {

// Some releases keep Mamba's convolution as a module.
std::string older_rest(std::string_view rest) {
  std::string name{rest};
  for (const std::string_view attribute : {"mixer.conv1d_weight", "mixer.conv1d_bias"})
    if (name.ends_with(attribute)) name[name.rfind('_')] = '.';
  return name;
}

// Megatron-Core's own grouped experts of before 2026-03 keep all experts of a rank in two tensors, transposed:
// weight1 as [experts, hidden, rows of fc1], weight2 as [experts, columns of fc2, hidden].
std::string grouped_rest(std::string_view rest) {
  for (const auto& [of_one, of_all] : {std::pair<std::string_view, std::string_view>{"linear_fc1.weight", "weight1"}, {"linear_fc2.weight", "weight2"}})
    if (rest.ends_with(of_one)) return std::string{rest.substr(0, rest.size() - of_one.size())} + std::string{of_all};
  return {};
}

bool is_grouped(std::string_view name) { return name.ends_with(".experts.weight1") || name.ends_with(".experts.weight2"); }

// One expert of such a tensor, as its linear layer has it; nothing for a tensor that does not hold so many.
std::optional<StoredTensor> of_grouped(const StoredTensor& all, const Shape& shape, std::int64_t expert, std::int64_t experts) {
  const auto count = element_count(shape);
  if (shape.size() != 2 || !count || element_count(all.shape) != *count * experts || all.extents.front().strides != row_major_strides(all.shape)) return {};
  auto one = all;
  one.shape = shape;
  auto& extent = one.extents.front();
  extent.box = whole(shape);
  extent.strides = {1, shape[0]};
  extent.offset += static_cast<std::uint64_t>(expert * *count) * (static_cast<std::uint64_t>(bits(all.dtype)) / 8);
  return one;
}

// A parameter of the several that one tensor may hold.
struct Part {
  Shape shape;
  std::optional<Cut> cut;
};

class Assembly {
 public:
  Assembly(const MegatronCheckpoint& checkpoint, const std::vector<LiveParameter>& parameters, std::set<std::string>& used,
           std::vector<std::pair<std::string, std::string>>* copies)
      : copies_{copies}, checkpoint_{checkpoint}, ranks_{*checkpoint.ranks}, parameters_{parameters}, used_{used}, whole_(parameters.size()) {
    for (std::int64_t chunk = 0; chunk < ranks_.layout.chunks(); ++chunk)
      for (std::int64_t stage = 0; stage < ranks_.layout.pipeline; ++stage) cells_.push_back({stage, chunk});
  }

  Result<std::vector<std::optional<StoredTensor>>> run() {
    for (const auto& parameter : rank_parameters(parameters_))
      if (auto status = assemble(parameter); !status) return status.error();
    return std::move(whole_);
  }

 private:
  const StoredTensor* at(const std::string& key) const {
    const auto found = checkpoint_.catalogue.tensors.find(key);
    return found == checkpoint_.catalogue.tensors.end() ? nullptr : &found->second;
  }

  // How the layers of a stack lie in the cells, by what the first rank's files hold.
  const Placement& placement(const std::string& stack) {
    if (const auto known = placements_.find(stack); known != placements_.end()) return known->second;
    std::vector<std::int64_t> counts;
    for (const auto& cell : cells_) {
      const auto prefix = ranks_.prefix(ranks_.ranks.front(), cell) + stack;
      std::int64_t count = 0;
      const auto& tensors = checkpoint_.catalogue.tensors;
      for (auto it = tensors.lower_bound(prefix); it != tensors.end() && it->first.starts_with(prefix); ++it) {
        std::int64_t layer = 0;
        const auto* begin = it->first.data() + prefix.size();
        const auto [end, error] = std::from_chars(begin, it->first.data() + it->first.size(), layer);
        if (error == std::errc{} && end != begin && layer >= 0) count = std::max(count, layer + 1);
      }
      counts.push_back(count);
    }
    return placements_.emplace(stack, Placement{ranks_.layout.pipeline, std::move(counts)}).first->second;
  }

  std::int64_t experts_of_rank(const RankParameter& parameter) const { return ranks_.layout.experts_of_rank(parameter.experts); }

  // The names that the parameter may have in a cell's state dict.
  std::vector<std::string> names(const RankParameter& parameter, std::int64_t layer) const {
    std::vector<std::string> rests;
    if (parameter.experts > 0) {
      const auto number = parameter.expert % experts_of_rank(parameter);
      rests = {parameter.rest + std::to_string(number), local_rest(parameter.rest, number)};
      if (auto grouped = grouped_rest(parameter.rest); !grouped.empty()) rests.push_back(std::move(grouped));
    } else {
      rests = {parameter.rest, local_rest(parameter.rest, {}), older_rest(parameter.rest)};
    }
    if (!parameter.prefix.empty())
      for (auto& rest : rests) rest = fmt::format("{}{}.{}", parameter.prefix, layer, rest);
    return rests;
  }

  struct Found {
    Cell cell;
    std::string name;
    const StoredTensor* first{};  // of the rank with the first share
  };
  std::optional<Found> find(const RankParameter& parameter) {
    const auto owner = std::ranges::find_if(ranks_.ranks, [&](const FileRank& rank) { return holds(rank, parameter, 0); });
    if (owner == ranks_.ranks.end()) return {};
    const auto in = [&](const Cell& cell, std::int64_t layer) -> std::optional<Found> {
      for (auto& name : names(parameter, layer))
        if (const auto* tensor = at(ranks_.prefix(*owner, cell) + name)) return Found{cell, std::move(name), tensor};
      return {};
    };
    if (!parameter.prefix.empty()) {
      const auto& placed = placement(parameter.prefix);
      if (parameter.layer >= placed.layers()) return {};
      const auto [cell, layer] = placed.layer(parameter.layer);
      return in(cell, layer);
    }
    for (const auto& cell : cells_)
      if (auto found = in(cell, 0)) return found;
    return {};
  }

  // Whether the file of this rank holds share `share` of the parameter.
  bool holds(const FileRank& rank, const RankParameter& parameter, std::int64_t share) const {
    if (parameter.experts == 0) return rank.tensor == share;
    return rank.expert == parameter.expert / experts_of_rank(parameter) && rank.expert_tensor == share;
  }

  Error wrong(const std::string& key, std::string problem) const {
    const auto* tensor = at(key);
    return Error{Error::Kind::mismatch, checkpoint_.catalogue.files[tensor->extents.front().file].string(), "tensor " + key.substr(key.find('/') + 1),
                 std::move(problem), "Check the configuration of the checkpoint, or the reference given as --hf-model, against the weights"};
  }

  Status assemble(RankParameter parameter) {
    if (parameter.experts > 0 && parameter.experts % ranks_.layout.expert != 0)
      return Error{Error::Kind::mismatch, checkpoint_.location.folder.string(), "rank files",
                   fmt::format("of {} expert-parallel ranks cannot share {} experts", ranks_.layout.expert, parameter.experts),
                   "Give the configuration that belongs to these weights"};
    const auto found = find(parameter);
    if (!found) return done();
    const auto ranks = ranks_.layout.ranks_of(parameter.experts > 0);
    const auto* first = found->first;
    std::vector<Part> members;
    for (const auto& member : parameter.members) members.push_back({parameters_[member.parameter].shape, parameters_[member.parameter].cut});
    // More rows than the model has are padding of the vocabulary.
    if (parameter.vocabulary && members.size() == 1 && !first->shape.empty() && first->shape[0] * ranks > parameter.shape[0]) {
      parameter.shape[0] = members[0].shape[0] = first->shape[0] * ranks;
      if (members[0].cut) members[0].cut->parts = {members[0].shape[0]};
      parameter.cut = members[0].cut;
    }
    if (parameter.cut && !divides(*parameter.cut, ranks))
      return wrong(first->name, fmt::format("is of {} ranks, which do not divide the parameter's {}", ranks, to_string(parameter.shape)));
    const auto expected = shape_of_share(parameter.shape, parameter.cut, ranks);
    for (std::size_t i = 0; i < members.size(); ++i) whole_[parameter.members[i].parameter] = StoredTensor{{}, first->dtype, members[i].shape, {}};
    for (const auto& rank : ranks_.ranks) {
      const auto share = parameter.experts > 0 ? rank.expert_tensor : rank.tensor;
      if (!holds(rank, parameter, share)) continue;
      const auto key = ranks_.prefix(rank, found->cell) + found->name;
      const auto* tensor = at(key);
      if (!tensor)
        return Error{Error::Kind::mismatch, (checkpoint_.location.folder / key.substr(0, key.find('/')) / "model_optim_rng.pt").string(), "tensor " + found->name,
                     fmt::format("is missing, but {} has it", first->name.substr(0, first->name.find('/'))), "Take a complete copy of the checkpoint"};
      const auto one = is_grouped(found->name) ? of_grouped(*tensor, expected, parameter.expert % experts_of_rank(parameter), experts_of_rank(parameter)) : std::nullopt;
      if (one) tensor = &*one;
      if (tensor->shape != expected) return wrong(key, fmt::format("has the shape {}; the layout makes it {}", to_string(tensor->shape), to_string(expected)));
      if (tensor->dtype != first->dtype) return wrong(key, fmt::format("is {} where the first rank has {}", to_string(tensor->dtype), to_string(first->dtype)));
      const bool copy = !taken_.insert({share, parameter.members.front().parameter}).second || (!parameter.cut && share > 0);
      used_.insert(key);
      if (copy && copies_ && !parameter.cut && share > 0) copies_->emplace_back(first->name, key);
      if (copy) continue;  // held by this rank too
      std::int64_t begin = 0;
      for (std::size_t i = 0; i < members.size(); ++i) {
        auto& stored = *whole_[parameter.members[i].parameter];
        for (auto& part : shares_of(members[i].shape, members[i].cut, share, ranks)) {
          auto extent = tensor->extents.front();
          const auto element = static_cast<std::uint64_t>(bits(tensor->dtype)) / 8;
          auto at_element = extent.strides.empty() ? 0 : begin * extent.strides[0];
          if (members[i].cut) at_element += part.begin * extent.strides[members[i].cut->axis];
          extent.offset += static_cast<std::uint64_t>(at_element) * element;
          extent.box = std::move(part.box);
          stored.extents.push_back(std::move(extent));
        }
        begin += members[i].shape.empty() ? 0 : shape_of_share(members[i].shape, members[i].cut, ranks)[0];
      }
    }
    return done();
  }

  std::vector<std::pair<std::string, std::string>>* copies_;
  const MegatronCheckpoint& checkpoint_;
  const RankFiles& ranks_;
  const std::vector<LiveParameter>& parameters_;
  std::set<std::string>& used_;
  std::vector<std::optional<StoredTensor>> whole_;
  std::vector<Cell> cells_;
  std::map<std::string, Placement, std::less<>> placements_;
  std::set<std::pair<std::int64_t, std::size_t>> taken_;  // shares, of the parameter that begins with this one
};

}  // namespace

Result<std::vector<std::optional<StoredTensor>>> assemble(const MegatronCheckpoint& checkpoint, const std::vector<LiveParameter>& parameters,
                                                          std::set<std::string>& used, std::vector<std::pair<std::string, std::string>>* copies) {
  return Assembly{checkpoint, parameters, used, copies}.run();
}

}  // namespace weighbridge
