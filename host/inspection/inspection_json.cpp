// An inspection as JSON.

#include <boost/json/array.hpp>
#include <iterator>
#include <string_view>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "inspection/inspection.hpp"

namespace weighbridge {
namespace {

boost::json::array strings(const std::vector<std::string>& values) {
  return boost::json::array(values.begin(), values.end());
}

template <class T>
boost::json::value or_null(const std::optional<T>& value) {
  return value ? boost::json::value(*value) : boost::json::value(nullptr);
}

std::string_view to_string(WeightFormat format) { return format == WeightFormat::torch ? "torch" : "safetensors"; }

boost::json::object facts_json(const HuggingFaceFacts& facts) {
  boost::json::array left_out;
  for (const auto& file : facts.left_out)
    left_out.push_back(boost::json::object{{"name", file.name}, {"reason", file.reason}});
  return {{"architecture", facts.architecture},
          {"model_type", facts.model_type},
          {"format", to_string(facts.format)},
          {"has_index", facts.has_index},
          {"tied", or_null(facts.tied)},
          {"weight_files", strings(facts.weight_files)},
          {"side_files", strings(facts.side_files)},
          {"left_out", std::move(left_out)}};
}

boost::json::value layout_json(const std::optional<ParallelLayout>& layout) {
  if (!layout) return {};
  return boost::json::object{{"tensor", layout->tensor},
                             {"pipeline", layout->pipeline},
                             {"virtual_pipeline", layout->chunks()},
                             {"expert", layout->expert},
                             {"expert_tensor", layout->expert_tensor_size()}};
}

boost::json::object facts_json(const MegatronFacts& facts) {
  boost::json::array stacks;
  for (const auto& stack : facts.stacks)
    stacks.push_back(boost::json::object{{"prefix", stack.prefix},
                                         {"layers", stack.layers},
                                         {"stacked_keys", stack.stacked_keys},
                                         {"per_layer_keys", stack.per_layer_keys}});
  boost::json::object other{
      {"extra_states", facts.other.extra_states},           {"optimizer_tensors", facts.other.optimizer_tensors},
      {"optimizer_objects", facts.other.optimizer_objects}, {"random_states", facts.other.random_states},
      {"rerun_states", facts.other.rerun_states},           {"unknown_objects", strings(facts.other.unknown_objects)}};
  boost::json::value flavor;
  if (facts.flavor) flavor = to_string(*facts.flavor);
  return {{"iteration", or_null(facts.iteration)},
          {"flavor", std::move(flavor)},
          {"storage", to_string(facts.storage)},
          {"layout", layout_json(facts.layout)},
          {"saved_by", layout_json(facts.saved_by)},
          {"stacks", std::move(stacks)},
          {"tied", or_null(facts.tied)},
          {"other", std::move(other)}};
}

boost::json::array findings_json(const std::vector<Finding>& findings, Finding::Kind kind) {
  boost::json::array listed;
  for (const auto& finding : findings)
    if (finding.kind == kind)
      listed.push_back(boost::json::object{{"file", finding.file},
                                           {"subject", finding.subject},
                                           {"problem", finding.problem},
                                           {"remedy", finding.remedy}});
  return listed;
}

}  // namespace

boost::json::object to_json(const Inspection& inspection) {
  boost::json::object dtypes;
  for (const auto& [dtype, share] : inspection.dtypes)
    dtypes.emplace(
        to_string(dtype),
        boost::json::object{{"tensors", share.tensors}, {"parameters", share.parameters}, {"bytes", share.bytes}});
  boost::json::array tensors;
  for (const auto& tensor : inspection.tensors)
    tensors.push_back(boost::json::object{{"name", tensor.name},
                                          {"dtype", to_string(tensor.dtype)},
                                          {"shape", boost::json::array(tensor.shape.begin(), tensor.shape.end())},
                                          {"files", strings(tensor.files)}});
  boost::json::object json{{"kind", inspection.kind == CheckpointKind::megatron ? "megatron" : "hugging_face"},
                           {"folder", inspection.folder.string()},
                           {"files", inspection.files},
                           {"parameters", inspection.parameters},
                           {"bytes", inspection.bytes},
                           {"dtypes", std::move(dtypes)}};
  if (inspection.hugging_face) json.emplace("hugging_face", facts_json(*inspection.hugging_face));
  if (inspection.megatron) json.emplace("megatron", facts_json(*inspection.megatron));
  boost::json::value family;
  if (inspection.family)
    family = boost::json::object{{"id", inspection.family->id},
                                 {"version", inspection.family->version},
                                 {"summary", inspection.family->summary},
                                 {"architecture", inspection.family->architecture},
                                 {"near_in_size", strings(inspection.family->near_in_size)}};
  json.emplace("family", std::move(family));
  json.emplace("defects", findings_json(inspection.findings, Finding::Kind::defect));
  json.emplace("oddities", findings_json(inspection.findings, Finding::Kind::oddity));
  json.emplace("notes", strings(inspection.notes));
  json.emplace("tensors", std::move(tensors));
  return json;
}

}  // namespace weighbridge
