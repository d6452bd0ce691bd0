#pragma once
// What Bailing MoE V2 computes, on either side.

#include <weighbridge/forward.hpp>

namespace bailing {

void forward_hugging_face(const weighbridge::Config& c, const weighbridge::Forward& run);
void forward_megatron(const weighbridge::Config& megatron, const weighbridge::Forward& run);

}  // namespace bailing
