#include "inspection/inspected_difference.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <map>

namespace weighbridge {
namespace {

namespace json = boost::json;

// Every value that has no children, by its path. Lists are values of their own.
void flatten(const json::value& value, const std::string& path, std::map<std::string, json::value>& fields) {
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    for (const auto& [key, child] : *object)
      flatten(child, path.empty() ? std::string{key} : path + "." + std::string{key}, fields);
    return;
  }
  if (!path.empty()) fields.emplace(path, value);
}

std::vector<FieldDifference> fields_of(const json::object& one, const json::object& other) {
  std::map<std::string, json::value> first, second;
  flatten(one, {}, first);
  flatten(other, {}, second);
  std::vector<FieldDifference> differences;
  for (const auto& [path, value] : first) {
    const auto found = second.find(path);
    if (found == second.end())
      differences.push_back({path, value, {}, true, false});
    else if (found->second != value)
      differences.push_back({path, value, found->second, true, true});
  }
  for (const auto& [path, value] : second)
    if (!first.contains(path)) differences.push_back({path, {}, value, false, true});
  std::ranges::sort(differences, {}, &FieldDifference::path);
  return differences;
}

std::string shown(const json::value& value) {
  return value.is_double() ? fmt::format("{}", value.get_double()) : json::serialize(value);
}
std::string shown(DType dtype, const Shape& shape) { return fmt::format("{} {}", to_string(dtype), to_string(shape)); }

}  // namespace

Result<InspectedDifference> difference(const Inspection& one, const Inspection& other) {
  if (one.kind != other.kind)
    return Error{Error::Kind::usage, other.folder.string(), "--diff",
                 fmt::format("is a {} checkpoint and {} a {} one", to_string(other.kind), one.folder.string(),
                             to_string(one.kind)),
                 "Name two of one kind; verify compares a Hugging Face model with a Megatron checkpoint"};
  InspectedDifference result;
  result.fields = fields_of(one.configuration, other.configuration);
  std::map<std::string_view, const InspectedTensor*> second;
  for (const auto& tensor : other.tensors) second.emplace(tensor.name, &tensor);
  for (const auto& tensor : one.tensors) {
    const auto found = second.find(tensor.name);
    if (found == second.end()) {
      result.only_in_one.push_back(tensor.name);
      continue;
    }
    if (found->second->dtype != tensor.dtype || found->second->shape != tensor.shape)
      result.tensors.push_back({tensor.name, tensor.dtype, found->second->dtype, tensor.shape, found->second->shape});
    second.erase(found);
  }
  for (const auto& tensor : other.tensors)
    if (second.contains(tensor.name)) result.only_in_other.push_back(tensor.name);
  return result;
}

json::object to_json(const InspectedDifference& difference) {
  json::array fields, tensors;
  for (const auto& field : difference.fields) {
    json::object object{{"path", field.path}};
    if (field.in_one) object["one"] = field.one;
    if (field.in_other) object["other"] = field.other;
    fields.push_back(std::move(object));
  }
  const auto side = [](DType dtype, const Shape& shape) {
    return json::object{{"dtype", to_string(dtype)}, {"shape", json::array(shape.begin(), shape.end())}};
  };
  for (const auto& tensor : difference.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"one", side(tensor.one_dtype, tensor.one_shape)},
                       {"other", side(tensor.other_dtype, tensor.other_shape)}});
  return {{"same", difference.none()},
          {"fields", std::move(fields)},
          {"only_in_one", json::array(difference.only_in_one.begin(), difference.only_in_one.end())},
          {"only_in_other", json::array(difference.only_in_other.begin(), difference.only_in_other.end())},
          {"tensors", std::move(tensors)}};
}

std::string to_text(const InspectedDifference& difference) {
  std::string lines;
  for (const auto& field : difference.fields) {
    if (!field.in_other)
      lines += fmt::format("- field {}: {}\n", field.path, shown(field.one));
    else if (!field.in_one)
      lines += fmt::format("+ field {}: {}\n", field.path, shown(field.other));
    else
      lines += fmt::format("~ field {}: {} | {}\n", field.path, shown(field.one), shown(field.other));
  }
  for (const auto& name : difference.only_in_one) lines += fmt::format("- tensor {}\n", name);
  for (const auto& name : difference.only_in_other) lines += fmt::format("+ tensor {}\n", name);
  for (const auto& tensor : difference.tensors)
    lines += fmt::format("~ tensor {}: {} | {}\n", tensor.name, shown(tensor.one_dtype, tensor.one_shape),
                         shown(tensor.other_dtype, tensor.other_shape));
  if (lines.empty()) return "No field of the configuration and no name, type or shape of a tensor differs.\n";
  return lines;
}

}  // namespace weighbridge
