#pragma once
// The configuration of a Megatron model as this program holds it: the Megatron document. It is a flat JSON object
// with the field names of Megatron-Core and of the `model` section of a run_config.yaml, and plain values:
//   - dtypes are torch's names: "params_dtype": "bfloat16";
//   - activations are words: "activation_func": "silu", "gelu", "gelu_tanh", "quick_gelu", "squared_relu", "relu";
//   - `vocab_size` counts the true rows, without padding; `seq_length`, `rotary_base`, … are numbers;
//   - "_target_" names the provider class; kDefaultProvider if it is absent;
//   - what ends with "_encoded_json" is a text of JSON on disk and here the object that it says.
// A field that nothing here knows passes through unchanged, whatever it holds.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tensor/result.hpp"

namespace weighbridge {

inline constexpr std::string_view kDefaultProvider = "megatron.bridge.models.gpt_provider.GPTModelProvider";

// Typed reads: nothing if the field is absent, null or of another kind. A number is also read from an integer, an
// integer also from a number that is whole.
std::optional<std::int64_t> integer_field(const boost::json::object& document, std::string_view name);
std::optional<double> number_field(const boost::json::object& document, std::string_view name);
std::optional<std::string> string_field(const boost::json::object& document, std::string_view name);
bool flag_field(const boost::json::object& document, std::string_view name, bool otherwise = false);

// That numbers of layers and experts are some that a model can have: what follows takes time and memory by them. `file` is
// where they come from.
Status check_model_size(const boost::json::object& document, std::string_view file);

// A value on disk as the document has it, and back: the text of JSON and what it says. A text that is no JSON stays.
bool holds_json(std::string_view name);
boost::json::value decoded_json(const boost::json::value& text);
boost::json::value encoded_json(const boost::json::value& said);

// Whether every layer of a transformer block with this configuration has keys of its own on disk
// (`decoder.layers.3.mlp.…`) rather than one key for all with a leading layer axis (`decoder.layers.mlp.…`): hybrid
// models, mixed dense and expert layers, mixed attention, heterogeneous blocks.
// Source: TransformerBlock.sharded_state_dict and HybridStack.sharded_state_dict of Megatron-Core.
bool per_layer_keys(const boost::json::object& document);

// The Python function of an activation ("silu" -> "torch.nn.functional.silu"), and back; nothing for an unknown one.
std::optional<std::string_view> activation_target(std::string_view name);
std::optional<std::string_view> activation_name(std::string_view target);

}  // namespace weighbridge
