#pragma once
// Single elements as numbers and as text.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "tensor/dtype.hpp"

namespace weighbridge {

// The bits of element `index` of packed, little-endian elements; types below a byte lie lowest bits first.
std::uint64_t element_bits(DType dtype, const std::byte* elements, std::int64_t index);
// The value of an element of a real floating point type, exact; nothing for other types.
std::optional<double> real_value(DType dtype, std::uint64_t bits);
// "1.5 (0x3fc0)" for floating point, "-3" for integers, "true" for booleans.
std::string element_text(DType dtype, std::uint64_t bits);

}  // namespace weighbridge
