#pragma once
// What a torch_dist checkpoint that is about to be written looks like, to the byte.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/torch_dist_checkpoint.hpp"
#include "mapping/plan.hpp"
#include "tensor/dtype.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// What the module of a parameter keeps as `_extra_state`; Megatron refuses to load if an expected one is missing.
enum class ExtraState : std::uint8_t {
  absent = 1,  // plain modules: embeddings, routers, the output layer of a GPT model
  empty,       // Transformer Engine's linear layers and norms: an empty tensor
  none,        // Megatron-Core's own linear layers: None
};

// A parameter of the live model that becomes one chunk.
struct LiveParameter {
  std::string prefix;     // "decoder.layers."; empty outside any stack
  std::int64_t layer{};   // in the stack
  std::int64_t layers{};  // of the stack
  std::string rest;       // "self_attention.linear_qkv.weight"; outside a stack the whole name
  DType dtype{};
  Shape shape;                                 // of this layer alone, vocabulary padding included
  bool padded{};                               // see OutputTensor::padded
  ExtraState extra_state{ExtraState::absent};  // of the module that holds it; the module is `rest` up to the last dot
  std::int64_t expert{}, experts{};            // one of that many grouped experts; none where experts is 0
};

// A module whose extra state belongs to no parameter above: its weight is tied, or stored in parts.
struct LiveModule {
  std::string prefix;
  std::int64_t layer{}, layers{};
  std::string rest;  // "mixer.in_proj"; outside a stack the whole name
  ExtraState extra_state{ExtraState::absent};
  std::int64_t expert{}, experts{};
};

struct TorchDistLayoutRequest {
  std::vector<LiveParameter> parameters;  // distinct; data is laid out in this order
  std::vector<LiveModule> modules;
  boost::json::object document;           // the Megatron document
  MegatronFlavor flavor{MegatronFlavor::bridge};
  std::int64_t iteration{};
  std::optional<bool> per_layer;                // keys; per_layer_keys(document) decides if absent
  std::uint64_t max_file_bytes{8'000'000'000};  // a .distcp file is closed when the next chunk would exceed it
};

// Copies are empty: parameter i's bytes are tensors[tensor_of[i]].
struct TorchDistLayout {
  std::vector<OutputFile> files;       // relative to the checkpoint's parent folder
  std::vector<OutputTensor> tensors;   // by file, then offset
  std::vector<Literal> literals;       // with the tensors they tile the files
  std::vector<std::size_t> tensor_of;  // index into tensors, in the order of the request
  std::filesystem::path tokenizer;     // where tokenizer files are to be carried: "iter_0000000/tokenizer"; empty
                                       // where the flavor has no such folder
  std::vector<std::string> flags;      // training_flags, of the flavor megatron_lm
};

// The folder iter_NNNNNNN with __0_0.distcp, __0_1.distcp, …, .metadata, metadata.json, common.pt (and the same as
// the object common_state), for `bridge` run_config.yaml, train_state.pt and the tracker latest_train_state.pt; the
// tracker latest_checkpointed_iteration.txt.
// Errors, Error::Kind::mismatch: a parameter given twice; stacked layers that differ in shape or dtype, or of which
// one is missing; a layer outside its stack. A type that torch cannot save is Error::Kind::unsupported.
Result<TorchDistLayout> lay_out_torch_dist(const TorchDistLayoutRequest& request);

}  // namespace weighbridge
