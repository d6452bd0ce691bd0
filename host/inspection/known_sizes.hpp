#pragma once
// Which well-known models have about so many parameters, as manifests list them.

#include <cstdint>
#include <string>
#include <vector>

namespace weighbridge {

// `variants` are entries such as "Some 3.2 1B, 3B" or "Other 30B-A3B". Those of the size that is nearest, with their whole
// names ("Some 3.2 1B"); none if none is within a quarter.
std::vector<std::string> models_of_size(const std::vector<std::string>& variants, std::int64_t parameters);

}  // namespace weighbridge
