// An inspection as JSON and as text.

#include <boost/json/array.hpp>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "verify/inspect.hpp"

namespace weighbridge {
namespace {

boost::json::array strings(const std::vector<std::string>& values) { return boost::json::array(values.begin(), values.end()); }

template <class T>
boost::json::value or_null(const std::optional<T>& value) {
  return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

std::string_view to_string(WeightFormat format) { return format == WeightFormat::torch ? "torch" : "safetensors"; }

boost::json::object facts_json(const HuggingFaceFacts& facts) {
  boost::json::array left_out;
  for (const auto& file : facts.left_out) left_out.push_back(boost::json::object{{"name", file.name}, {"reason", file.reason}});
  return {{"architecture", facts.architecture}, {"model_type", facts.model_type}, {"format", to_string(facts.format)},
          {"has_index", facts.has_index}, {"tied", or_null(facts.tied)}, {"weight_files", strings(facts.weight_files)},
          {"side_files", strings(facts.side_files)}, {"left_out", std::move(left_out)}};
}

boost::json::object facts_json(const MegatronFacts& facts) {
  boost::json::array stacks;
  for (const auto& stack : facts.stacks)
    stacks.push_back(boost::json::object{{"prefix", stack.prefix}, {"layers", stack.layers}, {"stacked_keys", stack.stacked_keys},
                                         {"per_layer_keys", stack.per_layer_keys}});
  boost::json::object other{{"extra_states", facts.other.extra_states}, {"optimizer_tensors", facts.other.optimizer_tensors},
                            {"optimizer_objects", facts.other.optimizer_objects}, {"random_states", facts.other.random_states},
                            {"rerun_states", facts.other.rerun_states}, {"unknown_objects", strings(facts.other.unknown_objects)}};
  boost::json::value flavor;
  if (facts.flavor) flavor = to_string(*facts.flavor);
  boost::json::value layout;
  if (facts.layout)
    layout = boost::json::object{{"tensor", facts.layout->tensor},
                                 {"pipeline", facts.layout->pipeline},
                                 {"virtual_pipeline", facts.layout->chunks()},
                                 {"expert", facts.layout->expert},
                                 {"expert_tensor", facts.layout->expert_tensor_size()}};
  return {{"iteration", or_null(facts.iteration)}, {"flavor", std::move(flavor)}, {"storage", to_string(facts.storage)}, {"layout", std::move(layout)}, {"stacks", std::move(stacks)},
          {"tied", or_null(facts.tied)}, {"other", std::move(other)}};
}

std::string_view said(const std::optional<bool>& value) { return !value ? "not stated" : *value ? "yes" : "no"; }
std::string_view or_unknown(std::string_view text) { return text.empty() ? "not stated" : text; }

using Out = std::back_insert_iterator<std::string>;

void facts_text(Out out, const HuggingFaceFacts& facts) {
  fmt::format_to(out, "architecture: {}\nmodel type: {}\n", or_unknown(facts.architecture), or_unknown(facts.model_type));
  fmt::format_to(out, "format: {}{}\ntied embeddings: {}\n", to_string(facts.format), facts.has_index ? ", indexed" : "", said(facts.tied));
  fmt::format_to(out, "weight files: {}\n", fmt::join(facts.weight_files, ", "));
  if (!facts.side_files.empty()) fmt::format_to(out, "side files: {}\n", fmt::join(facts.side_files, ", "));
  for (const auto& file : facts.left_out) fmt::format_to(out, "not carried: {} ({})\n", file.name, file.reason);
}

void facts_text(Out out, const MegatronFacts& facts) {
  if (facts.iteration) fmt::format_to(out, "iteration: {}\n", *facts.iteration);
  fmt::format_to(out, "format: {}\n", to_string(facts.storage));
  if (const auto& layout = facts.layout)
    fmt::format_to(out, "layout: --tp {} --pp {}{} --ep {} --etp {}\n", layout->tensor, layout->pipeline,
                   layout->virtual_pipeline ? fmt::format(" --vpp {}", *layout->virtual_pipeline) : "", layout->expert, layout->expert_tensor_size());
  fmt::format_to(out, "flavor: {}\ntied embeddings: {}\n", facts.flavor ? to_string(*facts.flavor) : "not stated", said(facts.tied));
  for (const auto& stack : facts.stacks) {
    const auto keys = stack.per_layer_keys == 0 ? "stacked keys" : stack.stacked_keys == 0 ? "keys per layer" : "stacked keys and keys per layer";
    fmt::format_to(out, "layers: {} of {} ({})\n", stack.layers, stack.prefix, keys);
  }
  const auto& other = facts.other;
  const auto told = [&](std::int64_t count, std::string_view what) {
    if (count > 0) fmt::format_to(out, "also: {} {}\n", count, what);
  };
  told(other.optimizer_tensors, "optimizer tensors");
  told(other.optimizer_objects, "optimizer objects");
  told(other.random_states, "random states");
  told(other.rerun_states, "rerun states");
  told(other.extra_states, "extra states");
  if (!other.unknown_objects.empty()) fmt::format_to(out, "unknown objects: {}\n", fmt::join(other.unknown_objects, ", "));
}

}  // namespace

boost::json::object to_json(const Inspection& inspection) {
  boost::json::object dtypes;
  for (const auto& [dtype, share] : inspection.dtypes)
    dtypes.emplace(to_string(dtype), boost::json::object{{"tensors", share.tensors}, {"parameters", share.parameters}, {"bytes", share.bytes}});
  boost::json::array tensors;
  for (const auto& tensor : inspection.tensors)
    tensors.push_back(boost::json::object{{"name", tensor.name}, {"dtype", to_string(tensor.dtype)},
                                          {"shape", boost::json::array(tensor.shape.begin(), tensor.shape.end())}, {"files", tensor.files}});
  boost::json::object json{{"kind", inspection.kind == CheckpointKind::megatron ? "megatron" : "hugging_face"},
                           {"folder", inspection.folder.string()}, {"files", inspection.files},
                           {"parameters", inspection.parameters}, {"bytes", inspection.bytes}, {"dtypes", std::move(dtypes)}};
  if (inspection.hugging_face) json.emplace("hugging_face", facts_json(*inspection.hugging_face));
  if (inspection.megatron) json.emplace("megatron", facts_json(*inspection.megatron));
  json.emplace("notes", strings(inspection.notes));
  json.emplace("tensors", std::move(tensors));
  return json;
}

std::string to_text(const Inspection& inspection, bool tensors) {
  std::string text;
  const Out out{text};
  fmt::format_to(out, "{}: {} checkpoint\n", inspection.folder.string(), to_string(inspection.kind));
  if (inspection.hugging_face) facts_text(out, *inspection.hugging_face);
  if (inspection.megatron) facts_text(out, *inspection.megatron);
  fmt::format_to(out, "tensors: {} in {} files\nparameters: {}\nbytes: {}\n", inspection.tensors.size(), inspection.files,
                 inspection.parameters, inspection.bytes);
  for (const auto& [dtype, share] : inspection.dtypes)
    fmt::format_to(out, "dtype {}: {} tensors, {} parameters, {} bytes\n", to_string(dtype), share.tensors, share.parameters, share.bytes);
  for (const auto& note : inspection.notes) fmt::format_to(out, "note: {}\n", note);
  if (tensors)
    for (const auto& tensor : inspection.tensors)
      fmt::format_to(out, "{} {} {}{}\n", tensor.name, to_string(tensor.dtype), to_string(tensor.shape),
                     tensor.files > 1 ? fmt::format(" in {} files", tensor.files) : "");
  return text;
}

}  // namespace weighbridge
