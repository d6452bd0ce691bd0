#pragma once
// Integers in byte strings, little-endian whatever the machine is.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace weighbridge {

// The integer of sizeof(T) bytes at `position`; the caller has checked that it lies inside `bytes`.
template <class T>
T little_endian_at(std::string_view bytes, std::size_t position) {
  static_assert(std::is_integral_v<T>);
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[position + i]);
  return static_cast<T>(value);
}

template <class T>
void append_little_endian(std::string& to, T value) {
  static_assert(std::is_integral_v<T>);
  auto rest = static_cast<std::uint64_t>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i, rest >>= 8) to.push_back(static_cast<char>(rest & 0xff));
}

}  // namespace weighbridge
