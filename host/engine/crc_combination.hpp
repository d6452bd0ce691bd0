#pragma once
// Joins the CRC-32s of neighbouring pieces, so that pieces can be checksummed in any order.

#include <cstdint>

namespace weighbridge {

// The CRC-32 of a followed by b, given theirs and the length of b in bytes.
std::uint32_t combined_crc32(std::uint32_t a, std::uint32_t b, std::uint64_t length_of_b);

}  // namespace weighbridge
