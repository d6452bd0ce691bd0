// The functions that a plugin calls. None lets an exception out; the first failure of a call is kept.

#include <fmt/format.h>

#include <exception>
#include <string_view>
#include <utility>

#include "families/call_state.hpp"
#include "families/component.hpp"
#include "families/values.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMostExpressions = std::size_t{1} << 22;  // of one model; the largest known has an eighth of it

// Runs the body of a host function; what it throws (memory, mostly) becomes the call's failure and `otherwise` its result.
template <class Body>
auto contained(wb_call* call, decltype(std::declval<Body>()()) otherwise, Body&& body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const std::exception& exception) {
    failed(call, exception.what());
    return otherwise;
  }
}

void fail(wb_call* call, wb_string sentence) {
  contained(call, WB_FAILED, [&]() -> int32_t { return failed(call, std::string{view(sentence)}); });
}

void note(wb_call* call, wb_string sentence) {
  contained(call, WB_FAILED, [&]() -> int32_t { call->notes->emplace_back(view(sentence)); return WB_OK; });
}

int32_t get(wb_call* call, uint32_t document, wb_string path, wb_value* out) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    const auto* from = document == WB_DOCUMENT_HUGGING_FACE ? call->hugging_face
                       : document == WB_DOCUMENT_MEGATRON  ? call->megatron : nullptr;
    if (from == nullptr) return failed(call, fmt::format("the plugin reads document {}, which this call does not have", document));
    if (out->struct_size < sizeof(wb_value)) return failed(call, "the plugin's wb_value is smaller than that of ABI 1.0");
    const auto* value = document == WB_DOCUMENT_HUGGING_FACE ? value_in_whole(*call, view(path)) : from->find(view(path));
    if (value == nullptr) return WB_ABSENT;
    *out = {out->struct_size, WB_VALUE_NULL, 0, 0, {}, 0};
    switch (value->kind()) {
      case boost::json::kind::null: break;
      case boost::json::kind::bool_: out->kind = WB_VALUE_BOOLEAN; out->integer = value->get_bool(); break;
      case boost::json::kind::int64:
        out->kind = WB_VALUE_INTEGER;
        out->integer = value->get_int64();
        out->number = static_cast<double>(out->integer);
        break;
      case boost::json::kind::uint64:
        return failed(call, fmt::format("{} is {}, beyond 64-bit integers", view(path), value->get_uint64()));
      case boost::json::kind::double_: out->kind = WB_VALUE_NUMBER; out->number = value->get_double(); break;
      case boost::json::kind::string:
        out->kind = WB_VALUE_STRING;
        out->string = {value->get_string().data(), value->get_string().size()};
        break;
      case boost::json::kind::array: out->kind = WB_VALUE_LIST; out->count = value->get_array().size(); break;
      case boost::json::kind::object: out->kind = WB_VALUE_OBJECT; out->count = value->get_object().size(); break;
    }
    return WB_OK;
  });
}

int32_t set(wb_call* call, uint32_t document, wb_string path, const wb_value* value) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    const bool right = call->written != nullptr &&
                       (document == WB_DOCUMENT_HUGGING_FACE ? call->written == call->hugging_face
                                                             : document == WB_DOCUMENT_MEGATRON && call->written == call->megatron);
    if (!right) return failed(call, fmt::format("the plugin sets {} in a document that is not to be written", view(path)));
    if (value->struct_size < sizeof(wb_value)) return failed(call, "the plugin's wb_value is smaller than that of ABI 1.0");
    auto made = made_value(*value);
    if (!made) return failed(call, fmt::format("the plugin sets {} to a value of the unknown kind {}", view(path), value->kind));
    const auto whole = document == WB_DOCUMENT_HUGGING_FACE ? path_in_whole(*call, view(path), true) : std::string{view(path)};
    if (auto status = call->written->set(whole, std::move(*made)); !status) return failed(call, status.error().text());
    return WB_OK;
  });
}

int32_t copy(wb_call* call, wb_string from, wb_string to) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    if (call->written == nullptr) return failed(call, fmt::format("the plugin copies {} to a document that is not to be written", view(from)));
    const bool from_megatron = call->written == call->hugging_face;
    const auto* value = from_megatron ? call->megatron->find(view(from)) : value_in_whole(*call, view(from));
    if (value == nullptr) return WB_ABSENT;
    const auto whole = from_megatron ? path_in_whole(*call, view(to), true) : std::string{view(to)};
    if (auto status = call->written->set(whole, without_python(*value)); !status) return failed(call, status.error().text());
    return WB_OK;
  });
}

int32_t tensor(wb_call* call, wb_string name, wb_tensor_info* out) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    if (call->source == nullptr) return WB_ABSENT;
    const auto found = call->source->tensors.find(hugging_face_name(*call, view(name)));
    if (found == call->source->tensors.end()) return WB_ABSENT;
    if (out->struct_size < sizeof(wb_tensor_info)) return failed(call, "the plugin's wb_tensor_info is smaller than that of ABI 1.0");
    *out = {out->struct_size, static_cast<uint32_t>(found->second.dtype), found->second.shape.data(), found->second.shape.size()};
    return WB_OK;
  });
}

uint32_t has_source(wb_call* call) { return call->source != nullptr; }

std::optional<DType> known_dtype(uint32_t number) {
  if (number < WB_DTYPE_BOOL || number > WB_DTYPE_U64) return std::nullopt;
  return static_cast<DType>(number);
}

Result<Expression> tensor_or_substitute(wb_call* call, const std::string& name, const Shape& shape) {
  const auto found = call->substitutes.find(name);
  if (found == call->substitutes.end()) return call->set.algebra.tensor(name, shape);
  const auto& expression = call->expressions[found->second - 1];
  if (expression.shape == shape) return expression;
  return Error{Error::Kind::mismatch, "", name,
               fmt::format("{} is asked for in the shape {}; what stands for it has {}", name, to_string(shape), to_string(expression.shape)),
               "Correct the configuration"};
}

Result<Expression> evaluate(wb_call* call, const wb_node& node, const std::vector<const Expression*>& operands, const Shape& integers) {
  auto& algebra = call->set.algebra;
  const auto wrong = [&](std::string problem) {
    return Error{Error::Kind::plugin, "", "", std::move(problem), "Report it to the plugin's author"};
  };
  const auto takes = [&](std::size_t operand_count, std::size_t integer_count) {
    return operands.size() == operand_count && integers.size() == integer_count;
  };
  for (const auto* operand : operands)
    if (operand->constant) return wrong("a constant is a parameter of its own, and no operand");
  switch (node.operation) {
    case WB_TENSOR: return tensor_or_substitute(call, hugging_face_name(*call, view(node.name)), integers);
    case WB_CONCAT: if (integers.size() == 1) return algebra.concat(integers[0], operands); break;
    case WB_INTERLEAVE: if (integers.size() == 2) return algebra.interleave(integers[0], integers[1], operands); break;
    case WB_SLICE: if (takes(1, 3)) return algebra.slice(*operands[0], integers[0], integers[1], integers[2]); break;
    case WB_STACK: if (integers.size() == 1) return algebra.stack(integers[0], operands); break;
    case WB_TRANSPOSE: if (operands.size() == 1) return algebra.transpose(*operands[0], integers); break;
    case WB_RESHAPE: if (operands.size() == 1) return algebra.reshape(*operands[0], integers); break;
    case WB_PAD: if (takes(1, 2)) return algebra.pad(*operands[0], integers[0], integers[1]); break;
    case WB_CAST: {
      const auto dtype = known_dtype(node.dtype);
      if (operands.size() == 1 && dtype) return algebra.cast(*operands[0], *dtype);
      break;
    }
    case WB_ADD: if (operands.size() == 1) return algebra.add(*operands[0], node.number); break;
    case WB_FILL: if (operands.empty()) return algebra.fill(node.number, integers); break;
    case WB_ECHO: if (takes(1, 0)) return algebra.echo(*operands[0]); break;
    case WB_DECODE: {
      const auto codec = codec_from_name(view(node.name));
      if (!codec) return wrong(fmt::format("codec {} is not known to this host", view(node.name)));
      if (operands.empty() || operands.size() > 2 || integers.size() < 3) break;
      return algebra.decode({*codec, integers[0], integers[1], Shape(integers.begin() + 2, integers.end())}, *operands[0],
                            operands.size() == 2 ? operands[1] : nullptr);
    }
    default: return wrong(fmt::format("operator {} is not known to this host, which knows 1 to {}", node.operation, WB_FILL));
  }
  return wrong(fmt::format("operator {} with {} operands and {} integers", node.operation, operands.size(), integers.size()));
}

wb_expression expression(wb_call* call, const wb_node* node) {
  return contained(call, 0, [&]() -> wb_expression {
    const auto refuse = [&](std::string sentence) -> wb_expression { failed(call, std::move(sentence)); return 0; };
    if (node->struct_size < sizeof(wb_node)) return refuse("the plugin's wb_node is smaller than that of ABI 1.0");
    if (call->expressions.size() >= kMostExpressions)
      return refuse(fmt::format("more than {} expressions: the configuration has too many layers, experts or tensors", kMostExpressions));
    std::vector<const Expression*> operands;
    for (std::size_t i = 0; i < node->operand_count; ++i) {
      const auto handle = node->operands[i];
      if (handle == 0 || handle > call->expressions.size()) return refuse("the plugin uses an expression that it never made");
      operands.push_back(&call->expressions[handle - 1]);
    }
    auto made = evaluate(call, *node, operands, Shape(node->integers, node->integers + node->integer_count));
    if (!made) return refuse(made.error().problem);
    call->expressions.push_back(std::move(*made));
    return static_cast<wb_expression>(call->expressions.size());
  });
}

int32_t equation(wb_call* call, const wb_equation* stated) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    if (stated->struct_size < sizeof(wb_equation)) return failed(call, "the plugin's wb_equation is smaller than that of ABI 1.0");
    if (stated->expression > call->expressions.size())
      return failed(call, fmt::format("the equation of {} has an expression that was never made", view(stated->name)));
    if (stated->split < WB_SPLIT_NONE || stated->split > WB_SPLIT_AXIS_2 || stated->extra_state < WB_EXTRA_ABSENT ||
        stated->extra_state > WB_EXTRA_NONE || stated->name.size == 0)
      return failed(call, fmt::format("the equation of {} lacks its name, split or extra state", view(stated->name)));
    if (stated->experts < 0 || (stated->experts > 0 && (stated->expert < 0 || stated->expert >= stated->experts)))
      return failed(call, fmt::format("the equation of {} is of expert {} of {}", view(stated->name), stated->expert, stated->experts));
    const bool in_stack = stated->stack.size != 0;
    auto stack = in_stack ? megatron_name(*call, view(stated->stack)) : std::string{};
    auto name = in_stack ? std::string{view(stated->name)} : megatron_name(*call, view(stated->name));
    const auto extra_state = static_cast<std::uint8_t>(stated->extra_state);
    if (stated->expression == 0) {
      call->set.modules.push_back({std::move(stack), stated->layer, stated->layers, std::move(name), extra_state});
      return WB_OK;
    }
    call->set.equations.push_back({std::move(stack), stated->layer, stated->layers, std::move(name),
                                   call->expressions[stated->expression - 1], static_cast<Split>(stated->split),
                                   extra_state, (stated->flags & WB_VOCABULARY) != 0,
                                   (stated->flags & WB_KEEP_DTYPE) != 0, stated->expert, stated->experts});
    if (stated->live.size != 0) {
      if (!in_stack) return failed(call, fmt::format("the equation of {} has a live name but no stack of layers", view(stated->name)));
      call->set.equations.back().live_rest = view(stated->live);
      call->set.equations.back().live_layer = stated->live_layer;
    }
    return WB_OK;
  });
}

int32_t substitute(wb_call* call, wb_string name, wb_expression expression) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    if (expression == 0 || expression > call->expressions.size())
      return failed(call, fmt::format("the plugin lets an expression that it never made stand for {}", view(name)));
    call->substitutes[hugging_face_name(*call, view(name))] = expression;
    return WB_OK;
  });
}

int32_t declare(wb_call* call, const wb_declaration* said) {
  return contained(call, WB_FAILED, [&]() -> int32_t {
    if (said->struct_size < sizeof(wb_declaration)) return failed(call, "the plugin's wb_declaration is smaller than that of ABI 1.0");
    if (said->kind < WB_TIED || said->kind > WB_ZEROS || said->name.size == 0 || said->reason.size == 0)
      return failed(call, fmt::format("the declaration of {} lacks its kind, name or reason", view(said->name)));
    call->set.declarations.push_back({static_cast<Declaration::Kind>(said->kind), hugging_face_name(*call, view(said->name)),
                                      hugging_face_name(*call, view(said->other)), std::string{view(said->reason)}});
    return WB_OK;
  });
}

const void* extension(wb_string) { return nullptr; }  // none exist yet

int32_t component(wb_call* call, const wb_component* part) {
  return contained(call, WB_FAILED, [&]() -> int32_t { return state_component(call, part); });
}

}  // namespace

const wb_host& host_table() {
  static constexpr wb_host table{sizeof(wb_host), WB_ABI_MAJOR, WB_ABI_MINOR, fail,    note,      get,       set,  tensor,
                                 has_source,      expression,   equation,     declare, extension, component, copy, substitute};
  return table;
}

}  // namespace weighbridge
