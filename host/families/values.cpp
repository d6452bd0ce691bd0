#include "families/values.hpp"

#include "tensor/dtype.hpp"

namespace weighbridge {
namespace {

// The name in {_target_: torch.bfloat16, _call_: false}.
std::optional<boost::json::string> dtype_name(const boost::json::object& object) {
  const auto* target = object.if_contains("_target_");
  if (target == nullptr || !target->is_string() || object.size() != 2 || !object.contains("_call_")) return {};
  const auto dtype = dtype_from_torch(target->get_string());
  return dtype ? std::optional{boost::json::string(torch_name(*dtype))} : std::nullopt;
}

}  // namespace

std::optional<boost::json::value> made_value(const wb_value& value) {
  switch (value.kind) {
    case WB_VALUE_NULL: return boost::json::value{};
    case WB_VALUE_BOOLEAN: return boost::json::value(value.integer != 0);
    case WB_VALUE_INTEGER: return boost::json::value(value.integer);
    case WB_VALUE_NUMBER: return boost::json::value(value.number);
    case WB_VALUE_STRING: return boost::json::value(boost::json::string(value.string.data, value.string.size));
    case WB_VALUE_LIST: return boost::json::value(boost::json::array{});
    case WB_VALUE_OBJECT: return boost::json::value(boost::json::object{});
    default: return {};
  }
}

// The parsers of both documents bound how deep it lies.
boost::json::value without_python(const boost::json::value& value) {
  if (const auto* list = value.if_array()) {
    boost::json::array result;
    for (const auto& element : *list) result.push_back(without_python(element));
    return result;
  }
  const auto* object = value.if_object();
  if (object == nullptr) return value;
  if (auto name = dtype_name(*object)) return std::move(*name);
  boost::json::object result;
  for (const auto& [name, child] : *object)
    if (name != "_target_") result.emplace(name, without_python(child));
  return result;
}

}  // namespace weighbridge
