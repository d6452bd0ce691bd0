// Accepted metadata can be written, and reads back the same.

#include "formats/dcp_metadata.hpp"
#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weighbridge::fuzzing::require;
  const auto metadata = weighbridge::parse_dcp_metadata({reinterpret_cast<const char*>(data), size}, ".metadata");
  if (!metadata) {
    require(!metadata.error().file.empty() && !metadata.error().problem.empty() && !metadata.error().remedy.empty());
    return 0;
  }
  const auto written = weighbridge::write_dcp_metadata(*metadata);
  require(bool{written});
  const auto again = weighbridge::parse_dcp_metadata(*written, ".metadata");
  require(again && again->tensors.size() == metadata->tensors.size() &&
          again->objects.size() == metadata->objects.size());
  const auto rewritten = weighbridge::write_dcp_metadata(*again);
  require(rewritten && rewritten->size() == written->size());
  return 0;
}
