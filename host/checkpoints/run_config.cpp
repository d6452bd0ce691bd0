#include "checkpoints/run_config.hpp"

#include <boost/json/value.hpp>
#include <optional>

#include "checkpoints/yaml_document.hpp"
#include "formats/input_file.hpp"
#include "tensor/dtype.hpp"

namespace weighbridge {
namespace {

constexpr std::uint64_t kMaxBytes = 16 << 20;

// The dotted name in {_target_: name, _call_: false}: a reference to something, as opposed to a call of it.
std::optional<std::string_view> reference_target(const boost::json::value& value) {
  const auto* object = value.if_object();
  if (!object) return {};
  const auto* target = object->if_contains("_target_");
  if (!target || !target->is_string() || object->size() != 2 || flag_field(*object, "_call_", true)) return {};
  return std::string_view(target->get_string());
}

boost::json::object reference_to(std::string_view target) {
  return {{"_call_", false}, {"_target_", boost::json::string(target)}};
}

bool holds_dtype(std::string_view name) { return name.ends_with("_dtype"); }
bool holds_activation(std::string_view name) { return name == "activation_func"; }

// A field's value on disk as the document has it.
boost::json::value plain_value(std::string_view name, const boost::json::value& value) {
  if (holds_json(name)) return decoded_json(value);
  if (const auto target = reference_target(value)) {
    if (holds_dtype(name))
      if (const auto dtype = dtype_from_torch(*target); dtype && target->starts_with("torch."))
        return boost::json::string(torch_name(*dtype));
    if (holds_activation(name))
      if (const auto activation = activation_name(*target)) return boost::json::string(*activation);
  }
  return value;
}

// The inverse of plain_value.
boost::json::value disk_value(std::string_view name, const boost::json::value& value) {
  if (holds_json(name)) return encoded_json(value);
  if (const auto* text = value.if_string()) {
    if (holds_dtype(name))
      if (const auto dtype = dtype_from_torch(*text); dtype && !text->starts_with("torch."))
        return reference_to("torch." + std::string(*text));
    if (holds_activation(name))
      if (const auto target = activation_target(*text)) return reference_to(*target);
  }
  return value;
}

void put_if_absent(boost::json::object& object, std::string_view name, boost::json::value value) {
  object.emplace(name, std::move(value));  // keeps what is there
}

// `hybrid_override_pattern` was renamed; a pipeline layout that is a mapping is the dump of an object, which no reader
// takes.
void renew(boost::json::object& document) {
  if (const auto pattern = string_field(document, "hybrid_override_pattern");
      pattern && string_field(document, "hybrid_layer_pattern").value_or("").empty()) {
    document["hybrid_layer_pattern"] = *pattern;
    document.erase("hybrid_override_pattern");
  }
  if (auto* layout = document.if_contains("pipeline_model_parallel_layout"); layout && layout->is_object())
    *layout = nullptr;
}

boost::json::object model_section(const boost::json::object& document) {
  boost::json::object model;
  for (const auto& [name, value] : document) model.emplace(name, disk_value(name, value));
  if (!model.contains("_builder_")) put_if_absent(model, "_target_", boost::json::string(kDefaultProvider));
  put_if_absent(model, "tensor_model_parallel_size", 1);
  put_if_absent(model, "pipeline_model_parallel_size", 1);
  put_if_absent(model, "use_cpu_initialization", true);
  if (const auto* dtype = model.if_contains("params_dtype")) put_if_absent(model, "autocast_dtype", *dtype);
  return model;
}

}  // namespace

Result<boost::json::object> parse_run_config(std::string_view text, std::string_view file) {
  auto root = parse_yaml(text, file);
  if (!root) return std::move(root).error();
  const auto* sections = root->if_object();
  const auto* model = sections ? sections->if_contains("model") : nullptr;
  if (!model || !model->is_object())
    return Error{Error::Kind::format, std::string(file), "model", "the section is missing or no mapping",
                 "Take the run_config.yaml that Megatron-Bridge wrote beside this checkpoint"};
  boost::json::object document;
  for (const auto& [name, value] : model->get_object()) document.emplace(name, plain_value(name, value));
  if (const auto* nested = document.if_contains("transformer");
      nested && document.contains("_builder_") && nested->is_object()) {
    const auto transformer = nested->get_object();  // a copy: the document grows meanwhile
    document.erase("transformer");
    for (const auto& [name, value] : transformer) document.emplace(name, plain_value(name, value));
  }
  renew(document);
  if (auto status = check_model_size(document, file); !status) return std::move(status).error();
  return document;
}

Result<boost::json::object> read_run_config(const std::filesystem::path& file) {
  auto text = read_whole_file(file, kMaxBytes);
  if (!text) return std::move(text).error();
  return parse_run_config(*text, file.string());
}

std::string write_run_config(const boost::json::object& document) {
  boost::json::object root{
      {"_target_", "megatron.bridge.training.config.ConfigContainer"},
      {"checkpoint",
       {{"_target_", "megatron.bridge.training.config.CheckpointConfig"},
        {"ckpt_format", "torch_dist"},
        {"fully_parallel_save", true},
        {"save_optim", false},
        {"save_rng", false}}},
      {"logger", {{"_target_", "megatron.bridge.training.config.LoggerConfig"}}},
      {"optimizer",
       {{"_target_", "megatron.core.optimizer.optimizer_config.OptimizerConfig"},
        {"use_distributed_optimizer", false}}},
      {"tokenizer",
       {{"_target_", "megatron.bridge.training.tokenizers.config.TokenizerConfig"},
        {"tokenizer_type", "HuggingFaceTokenizer"},
        {"tokenizer_model", nullptr}}},
  };
  for (const auto* name : {"comm_overlap", "dataset", "ddp", "dist", "mixed_precision", "peft", "scheduler", "train"})
    root.emplace(name, nullptr);
  if (const auto source = string_field(document, "hf_model_id"))
    root["tokenizer"].get_object()["tokenizer_model"] = *source;
  root.emplace("model", model_section(document));
  return write_yaml(root);
}

}  // namespace weighbridge
