#include "checkpoints/rank_files_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "checkpoints/megatron_arguments.hpp"
#include "checkpoints/megatron_document.hpp"
#include "checkpoints/model_placement.hpp"
#include "checkpoints/rank_grid.hpp"
#include "checkpoints/rank_names.hpp"
#include "formats/torch_writer.hpp"

namespace weighbridge {
namespace {

// An entry of a state dict; without a parameter it is an extra state, or the module that keeps one.
struct Entry {
  std::string name;
  const RankParameter* parameter{};
  ExtraState extra_state{ExtraState::absent};
};

constexpr std::string_view kLastOfAttention = "self_attention.linear_proj.weight";

std::string module_of(std::string_view name) { return std::string{name.substr(0, std::min(name.rfind('.'), name.size()))}; }

class Writer {
 public:
  Writer(const MegatronLayoutRequest& request, ModelPlacement placement, std::vector<FileRank> files)
      : request_{request}, placement_{std::move(placement)}, file_ranks_{std::move(files)}, parameters_{rank_parameters(request.parameters)} {}

  Result<MegatronLayout> run() {
    place_parameters();
    for (const auto& rank : file_ranks_)
      for (std::int64_t stage = 0; stage < placement_.placement().stages(); ++stage)
        if (auto status = add_file(rank, stage); !status) return status.error();
    layout_.files.push_back({"latest_checkpointed_iteration.txt", 0});
    auto iteration = std::to_string(request_.iteration);
    layout_.files.back().size = iteration.size();
    layout_.literals.push_back({static_cast<std::uint32_t>(layout_.files.size() - 1), 0, std::move(iteration), {}});
    std::ranges::sort(layout_.literals, {}, [](const Literal& literal) { return std::pair{literal.file, literal.offset}; });
    layout_.flags = training_flags(request_.document);
    std::ranges::move(layout_flags(request_.layout), std::back_inserter(layout_.flags));
    return std::move(layout_);
  }

 private:
  bool local() const { return request_.spec == ModuleSpec::local; }

  std::string name_of(const RankParameter& parameter) const {
    std::string rest = parameter.rest;
    if (parameter.experts > 0) {
      const auto number = parameter.expert % request_.layout.experts_of_rank(parameter.experts);
      rest = local() ? local_rest(rest, number) : rest + std::to_string(number);
    } else if (local()) {
      rest = local_rest(rest, {});
    }
    if (parameter.prefix.empty()) return rest;
    return fmt::format("{}{}.{}", parameter.prefix, placement_.local_layer(parameter.prefix, parameter.layer), rest);
  }

  std::string live_name_of(const LiveModule& module) const {
    if (module.prefix.empty()) return module.rest;
    return fmt::format("{}{}.{}", module.prefix, placement_.local_layer(module.prefix, module.layer), live_rest(module.prefix, module.rest));
  }

  void place_parameters() {
    const RankParameter* output = nullptr;
    const auto& backbone = placement_.backbone();
    for (const auto& parameter : parameters_) {
      cells_[placement_.cell(parameter.prefix, parameter.layer, parameter.rest)].push_back({name_of(parameter), &parameter});
      if (parameter.prefix.empty() && parameter.rest == backbone + std::string{kWordEmbeddings}) embedding_ = &parameter;
      if (parameter.prefix.empty() && parameter.rest == backbone + std::string{kOutputLayer}) output = &parameter;
    }
    for (const auto& module : request_.modules)
      modules_[placement_.cell(module.prefix, module.layer, module.rest)].push_back({live_name_of(module), nullptr, module.extra_state});
    const auto& placement = placement_.placement();
    const auto copy = [&](Cell cell, std::string_view name, const RankParameter* of) {
      if (of) cells_[cell].push_back({backbone + std::string{name}, of});
    };
    const bool predicts = placement_.predicts() && placement.prediction() != placement.embedding();
    if (predicts) copy(placement.prediction(), kWordEmbeddings, embedding_);
    if (!output && placement.output() != placement.embedding()) copy(placement.output(), kOutputLayer, embedding_);
    if (predicts && placement.prediction() != placement.output()) copy(placement.prediction(), kOutputLayer, output ? output : embedding_);
    output_cells_.insert(placement.output());
    if (placement_.predicts()) output_cells_.insert(placement.prediction());
  }

  // What modules keep besides their parameters. Source: TransformerEngineBaseModule and ColumnParallelLinear.
  void add_extra_states(const Cell& cell, std::vector<Entry>& entries) const {
    std::set<std::string> made;
    std::vector<Entry> states;
    const auto modules = modules_.find(cell);
    const auto here = modules == modules_.end() ? std::span<const Entry>{} : std::span<const Entry>{modules->second};
    for (const auto& module : here)  // that keep none although others of the name do
      if (module.extra_state == ExtraState::absent) made.insert(module.name);
    const auto add = [&](std::string module, ExtraState state) {
      if (state != ExtraState::absent && made.insert(module).second) states.push_back({module + "._extra_state", nullptr, state});
    };
    for (const auto& entry : entries) {
      const auto& parameter = *entry.parameter;
      if (local()) {  // norms keep nothing, linear layers None
        if (entry.name.find(".linear_") != std::string::npos) add(module_of(entry.name), ExtraState::none);
        continue;
      }
      if (!entry.name.ends_with(kOutputLayer)) add(module_of(entry.name), parameter.extra_state);
      if (entry.name.ends_with(kLastOfAttention))
        add(entry.name.substr(0, entry.name.size() - std::string_view{"linear_proj.weight"}.size()) + "core_attention", ExtraState::empty);
    }
    if (!local())
      for (const auto& module : here)
        if (!module.name.ends_with("output_layer")) add(module.name, module.extra_state);
    if (output_cells_.contains(cell)) add(placement_.backbone() + "output_layer", ExtraState::none);
    entries.insert(entries.end(), states.begin(), states.end());
  }

  // The share of a rank: a parameter's, or of several one after the other.
  void add_boxes(const RankParameter& parameter, std::int64_t rank, std::int64_t ranks, std::size_t tensor) {
    const auto strides = row_major_strides(shape_of_share(parameter.shape, parameter.cut, ranks));
    std::int64_t begin = 0;
    for (const auto& member : parameter.members) {
      const auto& live = request_.parameters[member.parameter];
      for (auto& share : shares_of(live.shape, live.cut, rank, ranks)) {
        const auto base = live.cut ? share.begin * strides[live.cut->axis] : 0;
        layout_.boxes.push_back({member.parameter, tensor, std::move(share.box), strides, base + (strides.empty() ? 0 : begin * strides[0])});
      }
      begin += live.shape.empty() ? 0 : shape_of_share(live.shape, live.cut, ranks)[0];
    }
  }

  bool holds(const FileRank& rank, const RankParameter& parameter) const {
    return parameter.experts == 0 || parameter.expert / request_.layout.experts_of_rank(parameter.experts) == rank.expert;
  }

  std::vector<Entry> entries_of(const FileRank& rank, const Cell& cell) const {
    std::vector<Entry> entries;
    if (const auto found = cells_.find(cell); found != cells_.end())
      for (const auto& entry : found->second)
        if (holds(rank, *entry.parameter)) entries.push_back(entry);
    add_extra_states(cell, entries);
    return entries;
  }

  Status add_file(const FileRank& rank, std::int64_t stage) {
    PickleArena arena;
    std::vector<PickledStorage> storages;
    std::vector<PicklePair> root;
    const auto& layout = request_.layout;
    const auto first_tensor = static_cast<std::uint32_t>(layout_.tensors.size());
    const auto number = static_cast<std::uint32_t>(layout_.files.size());
    const auto padded = embedding_ ? std::optional{embedding_->shape[0]} : std::nullopt;
    root.emplace_back(arena.text("args"), arguments_from_document(request_.document, {padded, MegatronStorage::torch, request_.spec}, arena));
    root.emplace_back(arena.text("checkpoint_version"), arena.real(3.0));
    root.emplace_back(arena.text("iteration"), arena.integer(request_.iteration));
    const auto add_tensor = [&](std::string name, DType dtype, const Shape& shape, bool tensor_is_padded) {
      const auto bytes = byte_count(shape, dtype).value_or(0);
      layout_.tensors.push_back({std::move(name), number, 0, static_cast<std::uint64_t>(bytes), dtype, tensor_is_padded, {}});
      storages.push_back({dtype, element_count(shape).value_or(0)});
      return arena.tensor({dtype, shape, row_major_strides(shape), 0, static_cast<std::uint32_t>(storages.size() - 1)});
    };
    const auto chunks = placement_.placement().chunks();
    std::vector<std::vector<Entry>> entries;
    std::uint32_t tensors = 0;
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      entries.push_back(entries_of(rank, {stage, chunk}));
      tensors += static_cast<std::uint32_t>(std::ranges::count_if(entries.back(), [](const auto& entry) { return entry.parameter != nullptr; }));
    }
    // One storage behind all others, without bytes, for every empty tensor.
    const auto nothing = arena.tensor({DType::u8, {0}, {1}, 0, tensors});
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      std::vector<PicklePair> state;
      for (auto& entry : entries[static_cast<std::size_t>(chunk)]) {
        PickleValue value = arena.none();
        if (entry.parameter) {
          const auto& parameter = *entry.parameter;
          const auto ranks = layout.ranks_of(parameter.experts > 0);
          add_boxes(parameter, parameter.experts > 0 ? rank.expert_tensor : rank.tensor, ranks, layout_.tensors.size());
          value = add_tensor(entry.name, parameter.dtype, shape_of_share(parameter.shape, parameter.cut, ranks), parameter.padded);
        } else if (entry.extra_state == ExtraState::empty) {
          value = nothing;
        }
        state.emplace_back(arena.text(entry.name), value);
      }
      root.emplace_back(arena.text(chunks > 1 ? fmt::format("model{}", chunk) : "model"), arena.ordered_dict(state));
    }
    root.emplace_back(arena.text("num_floating_point_operations_so_far"), arena.integer(0));
    storages.push_back({DType::u8, 0});
    auto archive = lay_out_torch_object(arena.dict(root), storages, "model_optim_rng");
    if (!archive) return std::move(archive).error();
    for (std::size_t i = 0; i < tensors; ++i) layout_.tensors[first_tensor + i].offset = archive->external[i];
    layout_.files.push_back({std::filesystem::path{iteration_folder(request_.iteration)} / rank_folder(layout, rank, stage) / "model_optim_rng.pt",
                             archive->size});
    place(*std::move(archive), number, 0, first_tensor, layout_.literals);
    return done();
  }

  const MegatronLayoutRequest& request_;
  ModelPlacement placement_;
  std::vector<FileRank> file_ranks_;
  std::vector<RankParameter> parameters_;
  const RankParameter* embedding_{};
  std::map<Cell, std::vector<Entry>> cells_, modules_;  // parameters; modules that no parameter is named after
  std::set<Cell> output_cells_;  // with an output layer, even if its weight is the embedding's
  MegatronLayout layout_;
};

}  // namespace

Result<MegatronLayout> lay_out_rank_files(const MegatronLayoutRequest& request) {
  if (request.flavor != MegatronFlavor::megatron_lm)
    return Error{Error::Kind::unsupported, {}, "--ckpt-format torch", "Megatron-Bridge reads no rank files", "Give --flavor megatron-lm too, or write torch_dist"};
  if (request.spec == ModuleSpec::local && !string_field(request.document, "hybrid_layer_pattern").value_or("").empty())
    return Error{Error::Kind::unsupported, {}, "--transformer-impl local", "Megatron-Core has no local spec of hybrid models", "Write them with transformer_engine"};
  if (auto status = check_sizes(request.layout); !status) return status.error();
  auto files = files_of_stage(request.layout);
  if (!files) return files.error();
  auto placement = ModelPlacement::of(request);
  if (!placement) return placement.error();
  return Writer{request, *std::move(placement), *std::move(files)}.run();
}

}  // namespace weighbridge
