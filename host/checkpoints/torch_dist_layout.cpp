#include "checkpoints/torch_dist_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "checkpoints/megatron_arguments.hpp"
#include "checkpoints/run_config.hpp"
#include "checkpoints/torch_dist_side_files.hpp"
#include "formats/dcp_metadata.hpp"
#include "formats/torch_writer.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kEmbedding = "embedding.word_embeddings.weight";
constexpr std::string_view kPredictionLayers = "mtp.layers.";  // multi-token prediction: always a key for each layer

Error mismatch(const LiveParameter& parameter, std::string problem) {
  const auto name = parameter.prefix.empty()
                        ? parameter.rest
                        : fmt::format("{}{}.{}", parameter.prefix, parameter.layer, parameter.rest);
  return Error{Error::Kind::mismatch, {}, name, std::move(problem), "Correct the equations of the model family"};
}

// Where a parameter goes: which tensor, at which place in it.
struct Place {
  std::string key;
  Shape shape;  // of the whole tensor
  Box box;
};

class Writer {
 public:
  explicit Writer(const TorchDistLayoutRequest& request)
      : request_{request},
        per_layer_{request.per_layer.value_or(per_layer_keys(request.document))},
        folder_{fmt::format("iter_{:07}", request.iteration)} {}

  Result<TorchDistLayout> run() {
    if (request_.iteration < 0) return Error{Error::Kind::usage, {}, "iteration", "is negative", "Give 0 or more"};
    for (const auto step :
         {&Writer::add_objects, &Writer::add_parameters, &Writer::check_stacks, &Writer::add_side_files})
      if (auto status = (this->*step)(); !status) return std::move(status).error();
    const auto by_place = [](const Literal& a, const Literal& b) {
      return std::pair{a.file, a.offset} < std::pair{b.file, b.offset};
    };
    std::sort(layout_.literals.begin(), layout_.literals.end(), by_place);
    return std::move(layout_);
  }

 private:
  bool apart(const LiveParameter& parameter) const {
    return per_layer_ || parameter.prefix.ends_with(kPredictionLayers);
  }

  Place place_of(const LiveParameter& parameter) const {
    if (parameter.prefix.empty()) return {parameter.rest, parameter.shape, whole(parameter.shape)};
    if (apart(parameter))
      return {fmt::format("{}{}.{}", parameter.prefix, parameter.layer, parameter.rest), parameter.shape,
              whole(parameter.shape)};
    Place place{parameter.prefix + parameter.rest, parameter.shape, whole(parameter.shape)};
    place.shape.insert(place.shape.begin(), parameter.layers);
    place.box.offsets.insert(place.box.offsets.begin(), parameter.layer);
    place.box.sizes.insert(place.box.sizes.begin(), 1);
    return place;
  }

  // The object key of the extra state of the module that holds a parameter.
  std::string extra_state_key(const LiveParameter& parameter) const {
    const auto module = parameter.rest.substr(0, parameter.rest.rfind('.'));
    if (parameter.prefix.empty()) return module + "._extra_state/shard_0_1";
    if (apart(parameter))
      return fmt::format("{}{}.{}._extra_state/shard_0_1", parameter.prefix, parameter.layer, module);
    return fmt::format("{}{}._extra_state/shard_{}_{}", parameter.prefix, module, parameter.layer, parameter.layers);
  }

  // Starts the next .distcp file.
  void open_data_file() {
    metadata_.files.push_back(fmt::format("__0_{}.distcp", metadata_.files.size()));
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
    open_data_file();
    CommonStateRequest common{request_.flavor, &request_.document, request_.iteration, per_layer_, {}};
    for (const auto& parameter : request_.parameters) {
      if (parameter.prefix.empty() && parameter.rest.ends_with(kEmbedding) && !parameter.shape.empty())
        common.padded_vocab_size = parameter.shape[0];
      if (parameter.extra_state == ExtraState::absent) continue;
      const bool none = parameter.extra_state == ExtraState::none;
      auto& blob = none ? none_blob_ : empty_blob_;
      if (!blob) {
        auto bytes = none ? write_none_extra_state() : write_empty_extra_state();
        if (!bytes) return std::move(bytes).error();
        blob = append_object(*std::move(bytes));
      }
      metadata_.objects.emplace(extra_state_key(parameter), *blob);
    }
    auto bytes = write_common_state(common);
    if (!bytes) return std::move(bytes).error();
    metadata_.objects.emplace("common_state/shard_0_1", append_object(std::move(bytes->object)));
    common_file_ = std::move(bytes->file);
    return done();
  }

  Status add_parameters() {
    for (const auto& parameter : request_.parameters) {
      if (!parameter.prefix.empty() && (parameter.layer < 0 || parameter.layer >= parameter.layers))
        return mismatch(parameter, fmt::format("its layer lies outside of the stack of {}", parameter.layers));
      const auto bytes = byte_count(parameter.shape, parameter.dtype);
      if (!bytes) return mismatch(parameter, fmt::format("a size of {} does not fit", to_string(parameter.shape)));
      auto place = place_of(parameter);
      auto framing = framing_of(parameter.dtype, place.box.sizes);
      if (!framing) return std::move(framing).error();
      if (started_ && layout_.files.back().size + framing->size > request_.max_file_bytes) open_data_file();
      started_ = true;

      const auto file_number = static_cast<std::uint32_t>(metadata_.files.size() - 1);
      auto& file = layout_.files.back();
      const auto number = static_cast<std::uint32_t>(layout_.tensors.size());
      const DcpItem item{file_number, file.size, framing->size};
      layout_.tensors.push_back({parameter.prefix.empty()
                                     ? parameter.rest
                                     : fmt::format("{}{}.{}", parameter.prefix, parameter.layer, parameter.rest),
                                 file_number,
                                 file.size + framing->external.at(0),
                                 static_cast<std::uint64_t>(*bytes),
                                 parameter.dtype,
                                 parameter.padded,
                                 {}});
      layout_.tensor_of.push_back(number);
      place_chunk(*std::move(framing), item, number);
      if (auto status = record(parameter, std::move(place), item); !status) return status;
      file.size += item.length;
    }
    return done();
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
                      fmt::format("is {} {}, but other layers of its stack make it {} {}", to_string(parameter.dtype),
                                  to_string(place.shape), to_string(tensor.dtype), to_string(tensor.shape)));
    tensor.chunks.push_back({std::move(place.box), item});
    return done();
  }

  // Every layer of a stack must be there once.
  Status check_stacks() {
    for (auto& [key, tensor] : metadata_.tensors) {
      auto& chunks = tensor.chunks;
      std::sort(chunks.begin(), chunks.end(),
                [](const auto& a, const auto& b) { return a.box.offsets < b.box.offsets; });
      const auto layers =
          chunks.front().box == whole(tensor.shape) ? 1 : static_cast<std::size_t>(tensor.shape.front());
      for (std::size_t layer = 0; layers > 1 && layer < layers; ++layer) {
        if (layer < chunks.size() && chunks[layer].box.offsets.front() == static_cast<std::int64_t>(layer)) continue;
        const bool twice =
            layer < chunks.size() && chunks[layer].box.offsets.front() < static_cast<std::int64_t>(layer);
        return Error{
            Error::Kind::mismatch,
            {},
            key,
            twice ? fmt::format("layer {} is given twice", layer - 1) : fmt::format("layer {} is missing", layer),
            "Correct the equations of the model family"};
      }
      if (chunks.size() > layers)
        return Error{Error::Kind::mismatch, {}, key, "is given twice", "Correct the equations of the model family"};
    }
    return done();
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

  const TorchDistLayoutRequest& request_;
  bool per_layer_{};
  std::filesystem::path folder_;
  TorchDistLayout layout_;
  DcpMetadata metadata_;
  std::map<std::pair<DType, Shape>, ArchiveLayout> framings_;
  std::optional<DcpItem> empty_blob_;
  std::optional<DcpItem> none_blob_;
  std::string common_file_;
  bool started_{};  // whether the current file holds a chunk
};

}  // namespace

Result<TorchDistLayout> lay_out_torch_dist(const TorchDistLayoutRequest& request) { return Writer{request}.run(); }

}  // namespace weighbridge
