#include "conformance/meant_shape.hpp"

#include <weighbridge/abi.h>

#include <algorithm>

namespace weighbridge {

std::optional<Shape> meant_shape(const RecordedNode& node, const std::vector<RecordedNode>& nodes) {
  std::vector<const Shape*> operands;
  for (const auto handle : node.operands) operands.push_back(&nodes[handle - 1].shape);
  const auto& numbers = node.integers;
  Shape shape = operands.empty() ? Shape{} : *operands.front();
  const auto axis = numbers.empty() || numbers[0] < 0 ? shape.size() : static_cast<std::size_t>(numbers[0]);
  switch (node.operation) {
    case WB_TENSOR:
    case WB_FILL:
    case WB_RESHAPE: shape = numbers; break;
    case WB_CONCAT:
    case WB_INTERLEAVE:
      if (axis >= shape.size()) return {};
      for (std::size_t i = 1; i < operands.size(); ++i) {
        if (operands[i]->size() <= axis) return {};
        shape[axis] += (*operands[i])[axis];
      }
      break;
    case WB_SLICE:
      if (axis >= shape.size() || numbers.size() != 3) return {};
      shape[axis] = numbers[2] - numbers[1];
      break;
    case WB_STACK:
      if (axis > shape.size() || operands.empty()) return {};
      shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), static_cast<std::int64_t>(operands.size()));
      break;
    case WB_TRANSPOSE: {
      Shape turned;
      for (const auto from : numbers)
        if (from >= 0 && from < static_cast<std::int64_t>(shape.size()))
          turned.push_back(shape[static_cast<std::size_t>(from)]);
      if (turned.size() == shape.size()) shape = turned;
      break;
    }
    case WB_PAD:
      if (axis >= shape.size() || numbers.size() != 2) return {};
      shape[axis] = std::max(shape[axis], numbers[1]);
      break;
    case WB_CAST:
    case WB_ADD:
    case WB_ECHO: break;
    case WB_DECODE:
      if (numbers.size() < 3) return {};
      shape.assign(numbers.begin() + 2, numbers.end());
      break;
    default: return {};
  }
  const auto count = element_count(shape);
  if (!count || *count < 1 || (node.operation != WB_TENSOR && node.operation != WB_FILL && operands.empty())) return {};
  return shape;
}

}  // namespace weighbridge
