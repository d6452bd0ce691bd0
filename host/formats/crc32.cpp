#include "formats/crc32.hpp"

#include <isa-l/crc.h>

namespace weighbridge {

std::uint32_t crc32(std::span<const char> bytes, std::uint32_t before) {
  return crc32_gzip_refl(before, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace weighbridge
