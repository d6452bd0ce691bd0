#pragma once
// What HY V3 computes, as transformers writes it.

#include <weighbridge/forward.hpp>

namespace hy_v3 {

void forward_hugging_face(const weighbridge::Config& c, const weighbridge::Forward& run);

}  // namespace hy_v3
