#pragma once
// CRC-32 as zip, zlib and Python's zipfile compute it.

#include <cstdint>
#include <span>

namespace weighbridge {

// The checksum of `bytes` appended to bytes whose checksum is `before` (0 for none), so that
// crc32(b, crc32(a)) is the checksum of a followed by b.
std::uint32_t crc32(std::span<const char> bytes, std::uint32_t before = 0);

}  // namespace weighbridge
