#pragma once
// The shape of what a plugin meant when it asked for an expression that does not work out.

#include <optional>
#include <vector>

#include "conformance/recorded_call.hpp"

namespace weighbridge {

// `nodes` are those made before; the operands of `node` are among them. Nothing if no shape suggests itself.
std::optional<Shape> meant_shape(const RecordedNode& node, const std::vector<RecordedNode>& nodes);

}  // namespace weighbridge
