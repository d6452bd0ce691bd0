#pragma once
// The proof that a set of strided maps writes every element of a tensor exactly once.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mapping/strided_map.hpp"

namespace weighbridge {

struct CoverageFault {
  enum class Kind : std::uint8_t { missing = 1, twice, outside, unproven } kind{};
  std::int64_t element{};  // the first such one, by row-major index; for `outside` the first index beyond, for `unproven` where maps mix
                           // in a way whose check would take more memory than there should be
};

// Nothing if the targets of `maps` are each element of a tensor of `count` elements, once. The maps are taken as they
// are, whoever made them: nothing of how they came about is trusted. Exact, and quick where maps are intervals or one
// map is the whole, and where they interleave regularly; else a bit per run of elements.
std::optional<CoverageFault> exact_cover(std::int64_t count, const std::vector<StridedMap>& maps);

// As above, but elements may be missing (they are padding): only `twice` and `outside` are faults.
std::optional<CoverageFault> at_most_once(std::int64_t count, const std::vector<StridedMap>& maps);

// "[12, 7]": coordinates of a row-major index.
std::string coordinates(std::int64_t element, const Shape& shape);

}  // namespace weighbridge
