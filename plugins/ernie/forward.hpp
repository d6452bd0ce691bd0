#pragma once
// What ERNIE 4.5 computes, on either side.

#include <weighbridge/forward.hpp>

namespace ernie {

void forward_hugging_face(const weighbridge::Config& c, const weighbridge::Forward& run);
void forward_megatron(const weighbridge::Config& megatron, const weighbridge::Forward& run);

}  // namespace ernie
