#include "conformance/traced.hpp"

#include <weighbridge/abi.h>

#include <utility>

namespace weighbridge {
namespace {

std::int64_t index_of(const Shape& at, const Shape& shape) {
  std::int64_t index = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) index = index * shape[axis] + at[axis];
  return index;
}

// The array of `shape` whose element at coordinates c is element(c).
Traced made(Shape shape, auto&& element) {
  Traced result{std::move(shape), {}, {}, 0};
  const auto count = element_count(result.shape).value_or(0);
  result.elements.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) result.elements.push_back(element(coordinates_of(i, result.shape)));
  return result;
}

const TracedElement& at(const Traced& array, const Shape& coordinates) {
  return array.elements[static_cast<std::size_t>(index_of(coordinates, array.shape))];
}

// extent / groups entries of each operand in turn, `groups` times. One group is concatenation.
Traced interleaved(std::size_t axis, std::int64_t groups, const std::vector<const Traced*>& operands) {
  auto shape = operands.front()->shape;
  shape[axis] = 0;
  std::vector<std::pair<std::size_t, std::int64_t>> order;  // operand, and entry along the axis
  for (const auto* operand : operands) shape[axis] += operand->shape[axis];
  for (std::int64_t group = 0; group < groups; ++group)
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const auto entries = operands[k]->shape[axis] / groups;
      for (std::int64_t i = 0; i < entries; ++i) order.emplace_back(k, group * entries + i);
    }
  return made(shape, [&](Shape where) {
    const auto [operand, entry] = order[static_cast<std::size_t>(where[axis])];
    where[axis] = entry;
    return at(*operands[operand], where);
  });
}

Traced stacked(std::size_t axis, const std::vector<const Traced*>& operands) {
  auto shape = operands.front()->shape;
  shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<std::int64_t>(operands.size()));
  return made(shape, [&](Shape where) {
    const auto& operand = *operands[static_cast<std::size_t>(where[axis])];
    where.erase(where.begin() + static_cast<std::ptrdiff_t>(axis));
    return at(operand, where);
  });
}

Traced changed(const Traced& operand, auto&& change) {
  auto result = operand;
  for (auto& element : result.elements) change(element);
  return result;
}

}  // namespace

std::int32_t Tracer::tensor(const std::string& name, const Shape& shape) {
  const auto [found, fresh] = numbers_.try_emplace(name, static_cast<std::int32_t>(tensors_.size()));
  if (fresh) tensors_.push_back({name, shape});
  return found->second;
}

Traced Tracer::evaluate(const RecordedNode& node) {
  std::vector<const Traced*> operands;
  if (node.operation != WB_DECODE)
    for (const auto operand : node.operands) operands.push_back(&of(operand));
  const auto number = [&](std::size_t i) { return node.integers[i]; };
  const auto axis = static_cast<std::size_t>(node.integers.empty() ? 0 : number(0));
  switch (node.operation) {
    case WB_TENSOR:
    case WB_DECODE: {
      const auto name = node.operation == WB_TENSOR ? node.name : nodes_[node.operands[0] - 1].name + " (decoded)";
      const auto which = tensor(name, node.shape);
      std::int64_t next = 0;
      return made(node.shape, [&](const Shape&) { return TracedElement{which, false, 0, next++, 0}; });
    }
    case WB_CONCAT: {
      auto result = interleaved(axis, 1, operands);
      for (const auto* operand : operands) result.parts.push_back(operand->shape[axis]);
      result.axis = axis;
      return result;
    }
    case WB_INTERLEAVE: return interleaved(axis, number(1), operands);
    case WB_SLICE:
      return made(node.shape, [&](Shape where) {
        where[axis] += number(1);
        return at(*operands[0], where);
      });
    case WB_STACK: return stacked(axis, operands);
    case WB_TRANSPOSE:
      return made(node.shape, [&](const Shape& where) {
        Shape of_operand(where.size());
        for (std::size_t i = 0; i < where.size(); ++i) of_operand[static_cast<std::size_t>(number(i))] = where[i];
        return at(*operands[0], of_operand);
      });
    case WB_RESHAPE: {
      auto result = *operands[0];
      if (result.shape != node.shape) result.parts.clear();
      result.shape = node.shape;
      return result;
    }
    case WB_PAD:
      return made(node.shape, [&](const Shape& where) {
        return where[axis] < operands[0]->shape[axis] ? at(*operands[0], where) : TracedElement{};
      });
    case WB_CAST: return changed(*operands[0], [&](TracedElement& element) { element.cast = node.dtype; });
    case WB_ADD:
      return changed(*operands[0],
                     [&](TracedElement& element) { element.addend = element.tensor < 0 ? 0 : node.number; });
    case WB_ECHO: return changed(*operands[0], [](TracedElement& element) { element.echo = true; });
    default:
      return made(node.shape, [&](const Shape&) { return TracedElement{-1, false, 0, 0, node.number}; });  // fill
  }
}

const Traced& Tracer::of(std::uint32_t handle) {
  auto& entry = traced_[handle];
  if (!entry) {
    auto result = std::make_unique<Traced>(evaluate(nodes_[handle - 1]));
    traced_[handle] = std::move(result);
  }
  return *traced_[handle];
}

}  // namespace weighbridge
