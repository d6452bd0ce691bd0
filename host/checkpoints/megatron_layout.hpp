#pragma once
// A Megatron checkpoint that is about to be written: what it is to hold, and what it will look like, to the byte.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/parallel_layout.hpp"
#include "mapping/plan.hpp"
#include "mapping/sharding.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {

enum class MegatronFlavor : std::uint8_t {
  bridge = 1,   // run_config.yaml, train_state.pt
  megatron_lm,  // `args` in the common state
};
std::string_view to_string(MegatronFlavor flavor);  // "bridge", "megatron-lm"

// How the weights are stored.
enum class MegatronStorage : std::uint8_t {
  torch_dist = 1,  // whole tensors in chunks, whichever rank wrote them
  torch,           // a file for each model-parallel rank (mp_rank_XX/model_optim_rng.pt)
};
std::string_view to_string(MegatronStorage storage);  // "torch_dist", "torch"

// The class of the language model, which decides how layers are numbered and named.
enum class ModelClass : std::uint8_t { gpt = 1, hybrid };
std::string_view to_string(ModelClass model_class);  // "gpt", "hybrid"

// Whose modules the model is built of, which is what the tensors of rank files are called after.
enum class ModuleSpec : std::uint8_t { transformer_engine = 1, local };
std::string_view to_string(ModuleSpec spec);  // "transformer_engine", "local"

// What the module of a parameter keeps as `_extra_state`; Megatron refuses to load if an expected one is missing.
enum class ExtraState : std::uint8_t {
  absent = 1,  // plain modules: embeddings, routers, the output layer of a GPT model
  empty,       // Transformer Engine's linear layers and norms: an empty tensor
  none,        // Megatron-Core's own linear layers: None
};

// The ends of a language model, which later pipeline stages may hold copies of.
inline constexpr std::string_view kWordEmbeddings = "embedding.word_embeddings.weight";
inline constexpr std::string_view kOutputLayer = "output_layer.weight";

// A parameter of the live model.
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
  std::optional<Cut> cut{};                    // among tensor-parallel ranks
  bool vocabulary{};                           // rows may be more on disk: padding
  // What torch_dist calls otherwise than the live model: there the layer has this number, and the parameter this name.
  std::optional<std::int64_t> live_layer{};
  std::string live_rest{};
  // Where its first byte lies within a page of the source (kPage), if it comes from there as it is: in the same place it needs no
  // moving in memory.
  std::optional<std::uint64_t> page_offset{};
};

// A module whose extra state belongs to no parameter above: its weight is tied, or stored in parts.
struct LiveModule {
  std::string prefix;
  std::int64_t layer{}, layers{};
  std::string rest;  // "mixer.in_proj"; outside a stack the whole name
  ExtraState extra_state{ExtraState::absent};
  std::int64_t expert{}, experts{};
};

struct MegatronLayoutRequest {
  std::vector<LiveParameter> parameters;  // distinct; data is laid out in this order
  std::vector<LiveModule> modules;
  boost::json::object document;           // the Megatron document; it states the layout too
  ParallelLayout layout;
  MegatronFlavor flavor{MegatronFlavor::bridge};
  ModuleSpec spec{ModuleSpec::transformer_engine};
  std::int64_t iteration{};
  std::optional<bool> per_layer;                // keys of torch_dist; per_layer_keys(document) decides if absent
  std::uint64_t max_file_bytes{8'000'000'000};  // a .distcp file is closed when the next chunk would exceed it
};

// Elements `box` of a parameter that lie in an output tensor: those at coordinates c of the parameter at element
// base + sum((c_a - box.offsets_a) * strides_a) of the tensor.
struct LaidBox {
  std::size_t parameter{};  // of the request
  std::size_t tensor{};     // of the layout
  Box box;
  Shape strides;
  std::int64_t base{};
};

std::string iteration_folder(std::int64_t iteration);  // "iter_0000012"

// The tensors' copies are empty; boxes say what they are to be made of. A tensor may be made of several boxes, and
// elements of a parameter may lie in several tensors, where ranks hold copies.
struct MegatronLayout {
  std::vector<OutputFile> files;      // relative to the checkpoint's parent folder
  std::vector<OutputTensor> tensors;  // by file, then offset
  std::vector<Literal> literals;      // with the tensors they tile the files
  std::vector<LaidBox> boxes;
  std::filesystem::path tokenizer;    // where tokenizer files are to be carried: "iter_0000000/tokenizer"; empty where
                                      // the flavor has no such folder
  std::vector<std::string> flags;     // training_flags, of the flavor megatron_lm
};

}  // namespace weighbridge
