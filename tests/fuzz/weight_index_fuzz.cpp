// No accepted index leads out of its folder, and an accepted one is written and read back the same.
#include "bytes_as_file.hpp"
#include "formats/weight_index.hpp"

using weighbridge::as_text;
using weighbridge::parse_weight_index;
using weighbridge::require_message;
using weighbridge::write_weight_index;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto index = parse_weight_index(as_text(data, size), "input");
  if (!index) {
    require_message(index.error());
    return 0;
  }
  for (const auto& [tensor, file] : index->weight_map) {
    const std::filesystem::path path{file};
    if (path.is_absolute() || *path.lexically_normal().begin() == "..") std::abort();
  }
  const auto again = parse_weight_index(write_weight_index(*index, 1), "input");
  if (!again || again->weight_map != index->weight_map) std::abort();
  return 0;
}
