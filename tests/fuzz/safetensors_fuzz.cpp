// An accepted header describes tensors that tile the file: no hole, no overlap, no trailing byte.
#include "bytes_as_file.hpp"
#include "formats/safetensors.hpp"

using weighbridge::BytesAsFile;
using weighbridge::read_safetensors_header;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = BytesAsFile{{data, size}}.open();
  const auto header = read_safetensors_header(file);
  if (!header) {
    require_message(header.error());
    return 0;
  }
  std::uint64_t place = header->data_start;
  for (const auto& entry : header->tensors) {
    if (entry.begin != place || entry.end < entry.begin) std::abort();  // a hole or an overlap was let through
    place = entry.end;
  }
  if (place != file.size()) std::abort();
  return 0;
}
