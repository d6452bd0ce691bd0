#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

#include "checkpoints/hugging_face_layout.hpp"

namespace weighbridge {

Result<std::uint64_t> parse_size(std::string_view text) {
  const Error refused{Error::Kind::usage, {}, std::string{text}, "is not a size", "Write it like 5GB, 500MB or 2GiB"};
  std::string upper;
  for (const unsigned char c : text) {
    if (!std::isspace(c)) upper += static_cast<char>(std::toupper(c));
  }
  double value = 0;
  const auto begin = upper.data();
  const auto end = begin + upper.size();
  const auto number = std::from_chars(begin, end, value, std::chars_format::fixed);
  if (number.ec != std::errc{} || !std::isfinite(value)) return refused;
  const std::string_view unit{number.ptr, static_cast<std::size_t>(end - number.ptr)};
  struct Unit {
    std::string_view name;
    double bytes;
  };
  constexpr std::array<Unit, 14> kUnits{{{"", 1},
                                         {"B", 1},
                                         {"K", 1e3},
                                         {"M", 1e6},
                                         {"G", 1e9},
                                         {"T", 1e12},
                                         {"KB", 1e3},
                                         {"MB", 1e6},
                                         {"GB", 1e9},
                                         {"TB", 1e12},
                                         {"KIB", 1024.0},
                                         {"MIB", 1048576.0},
                                         {"GIB", 1073741824.0},
                                         {"TIB", 1099511627776.0}}};
  const auto known = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return u.name == unit; });
  if (known == kUnits.end()) return refused;
  const double bytes = std::floor(value * known->bytes);
  constexpr double kLargest = 9007199254740992.0;  // 2^53: 8 PiB, and exact in a double
  if (!(bytes >= 1 && bytes <= kLargest)) return refused;
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace weighbridge
