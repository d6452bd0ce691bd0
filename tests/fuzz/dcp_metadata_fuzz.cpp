// An accepted `.metadata` names no file outside its folder, and is written and read back the same.
#include "bytes_as_file.hpp"
#include "formats/dcp_metadata.hpp"

#include <filesystem>

using weighbridge::as_text;
using weighbridge::parse_dcp_metadata;
using weighbridge::require_message;
using weighbridge::write_dcp_metadata;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto metadata = parse_dcp_metadata(as_text(data, size), "input");
  if (!metadata) {
    require_message(metadata.error());
    return 0;
  }
  for (const auto& name : metadata->files) {
    const std::filesystem::path path{name};
    if (path.is_absolute() || *path.lexically_normal().begin() == "..") std::abort();
  }
  const auto written = write_dcp_metadata(*metadata);
  if (!written) return 0;  // a type that is read but not written
  const auto again = parse_dcp_metadata(*written, "input");
  if (!again || again->tensors != metadata->tensors || again->objects.size() != metadata->objects.size()) std::abort();
  return 0;
}
