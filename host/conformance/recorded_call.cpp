#include "conformance/recorded_call.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <exception>
#include <mutex>
#include <utility>

#include "conformance/meant_shape.hpp"
#include "families/call_state.hpp"
#include "families/component.hpp"
#include "families/values.hpp"

namespace weighbridge {
namespace {

constexpr char kOverwritten = '\x16';  // what lent texts consist of after their call
constexpr char kMadeUp = '\x01';       // begins the names of tensors that stand for refused expressions

// Everything that was ever lent stays allocated, overwritten, so that a plugin that kept a pointer reads something harmless.
// Deliberately never destroyed.
template <class T>
std::vector<T>& lent(std::vector<T> content) {
  static auto& mutex = *new std::mutex;
  static auto& all = *new std::deque<std::vector<T>>;
  const std::scoped_lock lock{mutex};
  return all.emplace_back(std::move(content));
}

struct CheckedCall : wb_call {
  Recording recording;
  Taking taking;
  std::vector<std::vector<char>*> texts;
  std::vector<std::vector<std::int64_t>*> shapes;

  void step() const {
    if (taking.turns != nullptr) taking.turns->step(taking.who);
  }
  void look_at(wb_string text) {
    if (view(text).find(kOverwritten) != std::string_view::npos) recording.kept_text = true;
  }
  wb_string lend(wb_string text) {
    auto& copy = *texts.emplace_back(&lent(std::vector<char>(text.data, text.data + text.size)));
    return {copy.data(), copy.size()};
  }
  const int64_t* lend(const int64_t* extents, std::size_t rank) {
    return shapes.emplace_back(&lent(std::vector<std::int64_t>(extents, extents + rank)))->data();
  }
  void take_back() {
    for (auto* text : texts) std::ranges::fill(*text, kOverwritten);
    for (auto* shape : shapes) std::ranges::fill(*shape, 0);
  }
};

CheckedCall& own(wb_call* call) { return *static_cast<CheckedCall*>(call); }

void fail(wb_call* call, wb_string sentence) {
  own(call).look_at(sentence);
  host_table().fail(call, sentence);
}

void note(wb_call* call, wb_string sentence) {
  own(call).look_at(sentence);
  host_table().note(call, sentence);
}

int32_t get(wb_call* call, uint32_t document, wb_string path, wb_value* out) {
  own(call).step();
  own(call).look_at(path);
  const auto result = host_table().get(call, document, path, out);
  if (result != WB_OK) return result;
  if (document == WB_DOCUMENT_HUGGING_FACE)
    own(call).recording.read.insert(path_in_whole(*call, view(path), false));
  else if (call->question != Question::equations)
    own(call).recording.read.insert(text(path));
  if (out->kind == WB_VALUE_STRING) out->string = own(call).lend(out->string);
  return result;
}

int32_t set(wb_call* call, uint32_t document, wb_string path, const wb_value* value) {
  own(call).step();
  own(call).look_at(path);
  if (value->struct_size >= sizeof(wb_value) && value->kind == WB_VALUE_STRING) own(call).look_at(value->string);
  return host_table().set(call, document, path, value);
}

int32_t tensor(wb_call* call, wb_string name, wb_tensor_info* out) {
  own(call).step();
  own(call).look_at(name);
  const auto result = host_table().tensor(call, name, out);
  if (result == WB_OK) out->shape = own(call).lend(out->shape, out->rank);
  return result;
}

uint32_t has_source(wb_call* call) { return host_table().has_source(call); }

std::string_view hint(std::uint32_t operation) {
  switch (operation) {
    case WB_CONCAT:
    case WB_STACK: return "Operands agree in every axis but the one along which they are joined";
    case WB_INTERLEAVE: return "The groups must divide the rows of every operand; they are the key heads";
    case WB_SLICE: return "A slice lies within its operand and is not empty";
    case WB_RESHAPE: return "A reshape keeps the number of elements";
    case WB_TRANSPOSE: return "A permutation names every axis once";
    case WB_PAD: return "A pad does not shrink";
    default: return {};
  }
}

// What stands for a refused expression, if it can be told which shape was meant.
wb_expression stand_in(CheckedCall& call, const wb_node& node, RecordedNode made) {
  const auto shape = meant_shape(made, call.recording.nodes);
  if (!shape) return 0;
  auto problem = std::exchange(call.failure, {});
  Refusal refusal{"expression", {}, std::move(problem), std::string{hint(node.operation)}, 0};
  if (const auto name = hugging_face_name(call, view(node.name)); node.operation == WB_TENSOR)
    if (const auto known = call.set.algebra.find(name);
        known && call.set.algebra.leaves()[*known].shape != made.integers)
      refusal = {"shapes-differ",
                 "tensor " + name,
                 fmt::format("{} in one place and {} in another", to_string(call.set.algebra.leaves()[*known].shape),
                             to_string(made.integers)),
                 {},
                 0};
  const auto name = fmt::format("{}{}", kMadeUp, call.recording.nodes.size());
  const wb_node tensor{sizeof(wb_node), WB_TENSOR,     0,       0, {name.data(), name.size()},
                       shape->data(),   shape->size(), nullptr, 0};
  refusal.handle = host_table().expression(&call, &tensor);
  if (refusal.handle == 0) return 0;
  made.shape = *shape;
  made.made_up = true;
  call.recording.nodes.push_back(std::move(made));
  call.recording.refusals.push_back(refusal);
  return refusal.handle;
}

wb_expression recorded_expression(CheckedCall& call, const wb_node& node) {
  auto& nodes = call.recording.nodes;
  if (!call.failure.empty()) return 0;  // the plugin goes on after a failure
  const auto handle = host_table().expression(&call, &node);
  if (node.struct_size < sizeof(wb_node)) return 0;
  RecordedNode made{node.operation,
                    node.dtype,
                    node.number,
                    text(node.name),
                    Shape(node.integers, node.integers + node.integer_count),
                    std::vector<std::uint32_t>(node.operands, node.operands + node.operand_count),
                    {},
                    false};
  for (const auto operand : made.operands)
    if (operand == 0 || operand > nodes.size()) return 0;  // said by the host
  if (node.operation == WB_TENSOR) {
    made.name = hugging_face_name(call, view(node.name));
    if (const auto found = call.substitutes.find(made.name); handle != 0 && found != call.substitutes.end())
      made = nodes[found->second - 1];
  }
  if (handle == 0) return stand_in(call, node, std::move(made));
  made.shape = call.expressions[handle - 1].shape;
  for (const auto operand : made.operands) made.made_up |= nodes[operand - 1].made_up;
  nodes.push_back(std::move(made));
  return handle;
}

wb_expression expression(wb_call* call, const wb_node* node) {
  own(call).step();
  if (node->struct_size >= sizeof(wb_node)) own(call).look_at(node->name);
  try {
    return recorded_expression(own(call), *node);
  } catch (const std::exception& exception) {
    failed(call, exception.what());
    return 0;
  }
}

int32_t equation(wb_call* call, const wb_equation* stated) {
  own(call).step();
  const auto before = call->set.equations.size();
  const auto result = host_table().equation(call, stated);
  if (stated->struct_size < sizeof(wb_equation)) return result;
  for (const auto text : {stated->stack, stated->name, stated->live}) own(call).look_at(text);
  if (result != WB_OK) {  // noted, so that the next fault is found too
    own(call).recording.refusals.push_back(
        {"expression", fmt::format("equation of {}", view(stated->name)), std::exchange(call->failure, {}), {}, 0});
    return WB_OK;
  }
  if (call->set.equations.size() > before) own(call).recording.roots.push_back(stated->expression);
  return result;
}

int32_t declare(wb_call* call, const wb_declaration* said) {
  own(call).step();
  if (said->struct_size >= sizeof(wb_declaration))
    for (const auto text : {said->name, said->other, said->reason}) own(call).look_at(text);
  return host_table().declare(call, said);
}

const void* extension(wb_string id) { return host_table().extension(id); }

int32_t component(wb_call* call, const wb_component* part) {
  own(call).step();
  return host_table().component(call, part);
}

int32_t copy(wb_call* call, wb_string from, wb_string to) {
  own(call).step();
  own(call).look_at(from);
  own(call).look_at(to);
  const auto result = host_table().copy(call, from, to);
  if (result == WB_OK && call->written != call->hugging_face)
    own(call).recording.read.insert(path_in_whole(*call, view(from), false));
  return result;
}

int32_t substitute(wb_call* call, wb_string name, wb_expression expression) {
  own(call).step();
  own(call).look_at(name);
  return host_table().substitute(call, name, expression);
}

const wb_host& checking_table() {
  static constexpr wb_host table{
      sizeof(wb_host), WB_ABI_MAJOR, WB_ABI_MINOR, fail,    note,      get,       set,  tensor,
      has_source,      expression,   equation,     declare, extension, component, copy, substitute};
  return table;
}

// One question. `prepare` fills in the documents.
Recording ask(const Family& family, int32_t (*function)(const wb_host*, wb_call*), Taking taking, auto&& prepare) {
  CheckedCall call;
  call.table = &checking_table();
  call.families = family.others;
  call.notes = &call.recording.notes;
  call.taking = taking;
  prepare(call);
  if (taking.turns != nullptr) taking.turns->begin(taking.who);
  auto& recording = call.recording;
  int32_t result = WB_FAILED;
  try {
    result = function(&checking_table(), &call);
  } catch (const std::exception& exception) {
    recording.threw = true;
    recording.failure = exception.what();
  } catch (...) {
    recording.threw = true;
    recording.failure = "something that is no std::exception";
  }
  if (taking.turns != nullptr) taking.turns->end(taking.who);
  call.take_back();
  if (!recording.threw) recording.failure = call.failure;
  recording.silent = !recording.threw && result != WB_OK && result != WB_ABSENT && call.failure.empty();
  recording.failed = recording.threw || recording.silent || !call.failure.empty();
  recording.answer = result == WB_OK;
  recording.set = std::move(call.set);
  return std::move(recording);
}

Recording translated(const Family& family, int32_t (*function)(const wb_host*, wb_call*), const ConfigDocument& from,
                     bool from_hugging_face, Taking taking) {
  ConfigDocument to;
  auto recording = ask(family, function, taking, [&](CheckedCall& call) {
    call.hugging_face = from_hugging_face ? &from : &to;
    call.megatron = from_hugging_face ? &to : &from;
    call.written = &to;
    call.question = from_hugging_face ? Question::to_megatron : Question::to_hugging_face;
  });
  recording.written = std::move(to);
  return recording;
}

}  // namespace

Recording record_to_megatron(const Family& family, const ConfigDocument& hugging_face, Taking taking) {
  return translated(family, family.table->to_megatron, hugging_face, true, taking);
}

Recording record_to_hugging_face(const Family& family, const ConfigDocument& megatron) {
  return translated(family, family.table->to_hugging_face, megatron, false, {});
}

Recording record_equations(const Family& family, const ConfigDocument& hugging_face, const ConfigDocument& megatron,
                           const Catalogue* source, Taking taking) {
  return ask(family, family.table->equations, taking, [&](CheckedCall& call) {
    call.hugging_face = &hugging_face;
    call.megatron = &megatron;
    call.source = source;
    call.question = Question::equations;
  });
}

Recording record_recognises(const Family& family, const ConfigDocument& megatron) {
  Recording none;
  if (!reaches(*family.table, &wb_family::recognises) || family.table->recognises == nullptr) return none;
  return ask(family, family.table->recognises, {}, [&](CheckedCall& call) { call.megatron = &megatron; });
}

}  // namespace weighbridge
