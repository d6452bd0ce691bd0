#pragma once
// Which well-known models have about so many parameters, as manifests list them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "families/variants.hpp"

namespace weighbridge {

// Those variants of the architecture whose size is nearest, by name; none if none is within a quarter. A variant without
// `parameters` and architecture says its sizes in its name: "Some 3.2 1B, 3B" is "Some 3.2 1B" and "Some 3.2 3B".
std::vector<std::string> models_of_size(const std::vector<Variant>& variants, std::string_view architecture, std::int64_t parameters);

}  // namespace weighbridge
