#pragma once
// What Step-3.5 computes, on either side.

#include <weighbridge/forward.hpp>

namespace stepfun {

void forward_hugging_face(const weighbridge::Config& hf, const weighbridge::Forward& run);
void forward_megatron(const weighbridge::Config& megatron, const weighbridge::Forward& run);

}  // namespace stepfun
