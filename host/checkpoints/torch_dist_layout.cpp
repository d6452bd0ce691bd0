#include "checkpoints/torch_dist_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "checkpoints/megatron_arguments.hpp"
#include "checkpoints/megatron_document.hpp"
#include "checkpoints/model_placement.hpp"
#include "checkpoints/run_config.hpp"
#include "checkpoints/torch_dist_experts.hpp"
#include "checkpoints/torch_dist_side_files.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/torch_writer.hpp"
#include "mapping/live_name.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kLarge = 1 << 20;  // bytes, from which on it matters where in a page a chunk begins
constexpr std::string_view kPredictionLayers = "mtp.layers.";  // multi-token prediction: always a key for each layer

std::string name_of(const LiveParameter& parameter) {
  return live_name(parameter.prefix, parameter.layer, parameter.rest, parameter.expert, parameter.experts);
}

// How the tensors of grouped experts are joined: an axis of experts, behind that of layers.
std::string key_rest(const LiveParameter& parameter) {
  return parameter.experts > 0 ? experts_key(parameter.rest) : parameter.rest;
}

Error mismatch(const LiveParameter& parameter, std::string problem) {
  const auto name = name_of(parameter);
  return Error{Error::Kind::mismatch, {}, name, std::move(problem), "Correct the equations of the model family"};
}

// The leading axes of a tensor along which parameters are joined.
struct Joined {
  std::size_t axes{};
  bool layers{};  // whether the first one is that of layers
};

// Where a parameter goes: which tensor, at which place in it.
struct Place {
  std::string key;
  Shape shape;  // of the whole tensor
  Box box;
  Joined joined;
};

// The parameters that one tensor joins.
struct Stack {
  Joined joined;
  Shape extents;             // of the joined axes
  std::vector<Shape> given;  // where along these axes each parameter lies
};

// A chunk that a rank writes.
struct Owned {
  std::size_t parameter{};
  Box box;
};

class Writer {
 public:
  explicit Writer(const MegatronLayoutRequest& request)
      : request_{request},
        per_layer_{request.per_layer.value_or(per_layer_keys(request.document))},
        folder_{iteration_folder(request.iteration)} {}

  Result<MegatronLayout> run() {
    if (request_.iteration < 0) return Error{Error::Kind::usage, {}, "iteration", "is negative", "Give 0 or more"};
    for (const auto step : {&Writer::deal_out, &Writer::add_objects, &Writer::add_parameters, &Writer::check_stacks, &Writer::add_side_files})
      if (auto status = (this->*step)(); !status) return std::move(status).error();
    const auto by_place = [](const Literal& a, const Literal& b) {
      return std::pair{a.file, a.offset} < std::pair{b.file, b.offset};
    };
    std::sort(layout_.literals.begin(), layout_.literals.end(), by_place);
    return std::move(layout_);
  }

 private:
  bool apart(std::string_view prefix) const { return per_layer_ || prefix.ends_with(kPredictionLayers); }

  Place place_of(const LiveParameter& parameter) const {
    Place place{key_rest(parameter), parameter.shape, whole(parameter.shape), {}};
    const auto add_axis = [&](std::int64_t index, std::int64_t extent) {
      ++place.joined.axes;
      place.shape.insert(place.shape.begin(), extent);
      place.box.offsets.insert(place.box.offsets.begin(), index);
      place.box.sizes.insert(place.box.sizes.begin(), 1);
    };
    if (parameter.experts > 0) add_axis(parameter.expert, parameter.experts);
    if (parameter.prefix.empty()) return place;
    if (apart(parameter.prefix)) {
      place.key = fmt::format("{}{}.{}", parameter.prefix, parameter.layer, place.key);
    } else {
      place.key = parameter.prefix + place.key;
      place.joined.layers = true;
      add_axis(parameter.layer, parameter.layers);
    }
    return place;
  }

  // The module that holds a parameter.
  static LiveModule module_of(const LiveParameter& parameter) {
    auto rest = key_rest(parameter);
    rest.erase(std::min(rest.rfind('.'), rest.size()));
    return {parameter.prefix, parameter.layer, parameter.layers, std::move(rest), parameter.extra_state, parameter.expert, parameter.experts};
  }

  // The object key of the extra state of a module.
  std::string extra_state_key(const LiveModule& module) const {
    const auto [expert, experts] = std::pair{module.expert, module.experts};
    if (module.prefix.empty() || apart(module.prefix)) {
      const auto stack = module.prefix.empty() ? std::string{} : fmt::format("{}{}.", module.prefix, module.layer);
      if (experts > 0) return fmt::format("{}{}._extra_state/shard_{}_{}", stack, module.rest, expert, experts);
      return fmt::format("{}{}._extra_state/shard_0_1", stack, module.rest);
    }
    if (experts > 0)
      return fmt::format("{}{}._extra_state/shard_{}.{}_{}.{}", module.prefix, module.rest, module.layer, expert,
                         module.layers, experts);
    return fmt::format("{}{}._extra_state/shard_{}_{}", module.prefix, module.rest, module.layer, module.layers);
  }

  Status add_extra_state(const LiveModule& module) {
    if (module.extra_state == ExtraState::absent) return done();
    const bool none = module.extra_state == ExtraState::none;
    auto& blob = none ? none_blob_ : empty_blob_;
    if (!blob) {
      auto bytes = none ? write_none_extra_state() : write_empty_extra_state();
      if (!bytes) return std::move(bytes).error();
      blob = append_object(*std::move(bytes));
    }
    metadata_.objects.emplace(extra_state_key(module), *blob);
    return done();
  }

  // Starts the next .distcp file of a rank.
  void open_data_file(std::size_t rank) {
    if (rank != rank_) files_of_rank_ = 0;
    rank_ = rank;
    started_ = false;
    metadata_.files.push_back(fmt::format("__{}_{}.distcp", rank, files_of_rank_++));
    layout_.files.push_back({folder_ / metadata_.files.back(), 0});
  }

  DcpItem append_object(std::string bytes) {
    auto& file = layout_.files.front();
    const DcpItem item{0, file.size, bytes.size()};
    layout_.literals.push_back({0, file.size, std::move(bytes), {}});
    file.size += item.length;
    return item;
  }

  // Byte objects lie at the front: one common state, and one blob for all extra states of a kind.
  Status add_objects() {
    open_data_file(0);
    CommonStateRequest common{request_.flavor, &request_.document, request_.iteration, per_layer_, {}};
    for (const auto& parameter : request_.parameters) {
      if (parameter.prefix.empty() && parameter.rest.ends_with(kWordEmbeddings) && !parameter.shape.empty())
        common.padded_vocab_size = parameter.shape[0];
      if (auto status = add_extra_state(module_of(parameter)); !status) return status;
    }
    for (const auto& module : request_.modules)
      if (auto status = add_extra_state(module); !status) return status;
    auto bytes = write_common_state(common);
    if (!bytes) return std::move(bytes).error();
    metadata_.objects.emplace("common_state/shard_0_1", append_object(std::move(bytes->object)));
    common_file_ = std::move(bytes->file);
    return done();
  }

  // Which rank writes what, as in a job of that layout: of all that hold a share the first one.
  Status deal_out() {
    const auto& layout = request_.layout;
    if (auto status = check_sizes(layout); !status) return status;
    auto placement = ModelPlacement::of(request_);
    if (!placement) return placement.error();
    const auto ranks_of_stage = layout.ranks_of_stage();
    owned_.resize(static_cast<std::size_t>(ranks_of_stage * layout.pipeline));
    for (std::size_t i = 0; i < request_.parameters.size(); ++i) {
      const auto& parameter = request_.parameters[i];
      if (!parameter.prefix.empty() && (parameter.layer < 0 || parameter.layer >= parameter.layers))
        return mismatch(parameter, fmt::format("its layer lies outside of the stack of {}", parameter.layers));
      const auto cell = placement->cell(parameter.prefix, parameter.live_layer.value_or(parameter.layer), parameter.rest);
      const auto parts = layout.ranks_of(parameter.experts > 0);
      auto first = ranks_of_stage * cell.stage;
      if (parameter.experts > 0) first += layout.expert_tensor_size() * (parameter.expert / layout.experts_of_rank(parameter.experts));
      const auto cut = layout.whole() ? std::nullopt : parameter.cut;
      for (std::int64_t part = 0; part < (cut ? parts : 1); ++part)
        for (auto& share : shares_of(parameter.shape, cut, part, parts))
          owned_[static_cast<std::size_t>(first + part)].push_back({i, std::move(share.box)});
      const auto place = place_of(parameter);
      const auto axes = static_cast<std::ptrdiff_t>(place.joined.axes);
      auto& stack = stacks_.try_emplace(place.key, Stack{place.joined, {place.shape.begin(), place.shape.begin() + axes}, {}}).first->second;
      stack.given.emplace_back(place.box.offsets.begin(), place.box.offsets.begin() + axes);
    }
    return done();
  }

  Status add_parameters() {
    std::size_t chunks = 0;
    for (const auto& owned : owned_) chunks += owned.size();
    layout_.tensors.reserve(chunks);
    layout_.boxes.reserve(chunks);
    layout_.literals.reserve(layout_.literals.size() + 3 * chunks + 16);  // a gap, before and behind each, and the side files
    for (std::size_t rank = 0; rank < owned_.size(); ++rank) {
      if (rank > 0 && !owned_[rank].empty()) open_data_file(rank);
      for (const auto& owned : owned_[rank])
        if (auto status = add_chunk(rank, owned); !status) return status;
    }
    owned_ = std::vector<std::vector<Owned>>{};  // the metadata of a large model needs the room
    return done();
  }

  Status add_chunk(std::size_t rank, const Owned& owned) {
    const auto& parameter = request_.parameters[owned.parameter];
    const auto bytes = byte_count(owned.box.sizes, parameter.dtype);
    if (!bytes) return mismatch(parameter, fmt::format("a size of {} does not fit", to_string(parameter.shape)));
    auto place = place_of(parameter);
    for (std::size_t axis = 0; axis < owned.box.sizes.size(); ++axis) {
      place.box.offsets[place.joined.axes + axis] = owned.box.offsets[axis];
      place.box.sizes[place.joined.axes + axis] = owned.box.sizes[axis];
    }
    auto framing = framing_of(parameter.dtype, place.box.sizes);
    if (!framing) return std::move(framing).error();
    if (started_ && layout_.files.back().size + kPage + framing->size > request_.max_file_bytes) open_data_file(rank);
    started_ = true;

    const auto file_number = static_cast<std::uint32_t>(metadata_.files.size() - 1);
    auto& file = layout_.files.back();
    if (parameter.page_offset && *bytes >= kLarge)
      add_gap(file_number, (*parameter.page_offset + kPage - (file.size + framing->external.at(0)) % kPage) % kPage);
    const auto number = static_cast<std::uint32_t>(layout_.tensors.size());
    const DcpItem item{file_number, file.size, framing->size};
    layout_.tensors.push_back({name_of(parameter), file_number, file.size + framing->external.at(0),
                               static_cast<std::uint64_t>(*bytes), parameter.dtype, parameter.padded, {}});
    layout_.boxes.push_back({owned.parameter, number, owned.box, row_major_strides(owned.box.sizes), 0});
    place_chunk(*std::move(framing), item, number);
    if (auto status = record(parameter, std::move(place), item); !status) return status;
    file.size += item.length;
    return done();
  }

  // Zeros that no key of the metadata reaches.
  void add_gap(std::uint32_t file, std::uint64_t size) {
    if (size == 0) return;
    auto& zeros = gaps_[size];
    if (zeros.empty()) zeros = std::string(size, '\0');
    layout_.literals.push_back({file, layout_.files.back().size, zeros, {}});
    layout_.files.back().size += size;
  }

  // The same for all chunks of a shape, of which models have few.
  Result<ArchiveLayout> framing_of(DType dtype, const Shape& sizes) {
    auto& known = framings_[{dtype, sizes}];
    if (known.size == 0) {
      auto made = lay_out_torch_tensor(dtype, sizes);
      if (!made) return made;
      known = *std::move(made);
    }
    return known;
  }

  void place_chunk(ArchiveLayout framing, const DcpItem& item, std::uint32_t number) {
    place(std::move(framing), item.file, item.offset, number, layout_.literals);
  }

  Status record(const LiveParameter& parameter, Place place, const DcpItem& item) {
    auto [entry, fresh] =
        metadata_.tensors.try_emplace(std::move(place.key), DcpTensor{parameter.dtype, place.shape, {}});
    auto& tensor = entry->second;
    if (!fresh && (tensor.dtype != parameter.dtype || tensor.shape != place.shape))
      return mismatch(parameter,
                      fmt::format("is {} {}, but other layers or experts make it {} {}", to_string(parameter.dtype),
                                  to_string(place.shape), to_string(tensor.dtype), to_string(tensor.shape)));
    tensor.chunks.push_back({std::move(place.box), item});
    return done();
  }

  // Every layer and expert that a tensor joins must be there once: sorted, they count through the joined axes.
  Status check_stacks() {
    for (auto& [key, tensor] : metadata_.tensors)
      std::ranges::sort(tensor.chunks, {}, [](const auto& chunk) -> const Shape& { return chunk.box.offsets; });
    for (auto& [key, stack] : stacks_) {
      auto& given = stack.given;
      std::ranges::sort(given);
      Shape expected(stack.joined.axes, 0);
      std::size_t number = 0;
      for (bool more = true; more; ++number) {
        const bool there = number < given.size();
        if (there && number > 0 && given[number] == given[number - 1]) return fault(key, stack.joined, expected, "is given twice");
        if (!there || given[number] != expected) return fault(key, stack.joined, expected, "is missing");
        auto axis = stack.joined.axes;
        while (axis > 0 && expected[axis - 1] + 1 == stack.extents[axis - 1]) expected[--axis] = 0;
        if (axis > 0) ++expected[axis - 1];
        more = axis > 0;
      }
      if (number < given.size()) return fault(key, stack.joined, given[number], "is given twice");
    }
    stacks_.clear();
    return done();
  }

  static Error fault(const std::string& key, const Joined& joined, const Shape& at, std::string_view what) {
    std::string which;
    for (auto axis = joined.axes; axis-- > 0;)
      which += fmt::format("{} {} {}", axis == 0 && joined.layers ? "layer" : "expert", at[axis], axis > 0 ? "of " : "");
    return {Error::Kind::mismatch, {}, key, which + std::string{what}, "Correct the equations of the model family"};
  }

  void add_file(std::filesystem::path path, std::string bytes) {
    const auto number = static_cast<std::uint32_t>(layout_.files.size());
    layout_.files.push_back({std::move(path), bytes.size()});
    if (!bytes.empty()) layout_.literals.push_back({number, 0, std::move(bytes), {}});
  }

  // metadata.json and the trackers come last: they are what says that a checkpoint is complete.
  Status add_side_files() {
    auto metadata = write_dcp_metadata(metadata_);
    if (!metadata) return std::move(metadata).error();
    add_file(folder_ / ".metadata", *std::move(metadata));
    add_file(folder_ / "common.pt", std::move(common_file_));
    add_file(folder_ / "metadata.json", write_backend_metadata());
    if (request_.flavor == MegatronFlavor::bridge) {
      auto state = write_train_state(request_.iteration);
      if (!state) return std::move(state).error();
      add_file(folder_ / "run_config.yaml", write_run_config(request_.document));
      add_file(folder_ / "train_state.pt", *state);
      add_file("latest_train_state.pt", *std::move(state));
      layout_.tokenizer = folder_ / "tokenizer";
    } else {
      layout_.flags = training_flags(request_.document);
    }
    add_file("latest_checkpointed_iteration.txt", std::to_string(request_.iteration));
    return done();
  }

  const MegatronLayoutRequest& request_;
  bool per_layer_{};
  std::filesystem::path folder_;
  MegatronLayout layout_;
  DcpMetadata metadata_;
  std::map<std::pair<DType, Shape>, ArchiveLayout> framings_;
  std::map<std::uint64_t, SharedBytes> gaps_;  // by size
  std::vector<std::vector<Owned>> owned_;  // by rank
  std::map<std::string, Stack> stacks_;    // by key
  std::optional<DcpItem> empty_blob_;
  std::optional<DcpItem> none_blob_;
  std::string common_file_;
  std::size_t rank_{}, files_of_rank_{};
  bool started_{};  // whether the current file holds a chunk
};

}  // namespace

Result<MegatronLayout> lay_out_torch_dist(const MegatronLayoutRequest& request) { return Writer{request}.run(); }

}  // namespace weighbridge
