#pragma once
// The equations of the three families.

#include <weighbridge/model.hpp>

#include "geometry.hpp"

namespace qwen_next {

void decoder_equations(const weighbridge::Config& hf, weighbridge::Model& model, const Generation& generation);

}  // namespace qwen_next
