#pragma once
// Safetensors files put together by hand, so that tests do not rest on the writer they test.

#include <cstdint>
#include <string>
#include <string_view>

namespace weighbridge::test {

inline std::string safetensors_bytes(std::string_view header, std::string_view data) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) file += static_cast<char>(std::uint64_t{header.size()} >> shift);
  file += header;
  file += data;
  return file;
}

// One U8 tensor of `count` elements, each `fill`. Its data begins at byte 8 + header length.
inline std::string one_tensor(std::string_view name, std::size_t count = 2, char fill = 1) {
  const auto n = std::to_string(count);
  return safetensors_bytes(
      "{\"" + std::string{name} + R"(":{"dtype":"U8","shape":[)" + n + R"(],"data_offsets":[0,)" + n + "]}}",
      std::string(count, fill));
}

}  // namespace weighbridge::test
