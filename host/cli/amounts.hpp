#pragma once
// Amounts as people read them.

#include <cstdint>
#include <string>
#include <string_view>

namespace weighbridge {

std::string readable_bytes(std::uint64_t bytes);      // "812 B", "1.50 kB", "16.1 GB": powers of ten, three digits
std::string readable_memory(std::uint64_t bytes);     // "256 MiB": powers of two
std::string readable_seconds(double seconds);         // "0.05 s", "12.3 s", "3 min 07 s", "2 h 05 min"
std::string readable_count(std::uint64_t count, std::string_view noun);  // "1 tensor", "12 tensors"

}  // namespace weighbridge
