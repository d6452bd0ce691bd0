#pragma once
// What the three families compute, as transformers writes it.

#include <weighbridge/forward.hpp>

#include "geometry.hpp"

namespace qwen_next {

void forward_decoder(const weighbridge::Config& hf, const weighbridge::Forward& run, const Generation& generation);

}  // namespace qwen_next
