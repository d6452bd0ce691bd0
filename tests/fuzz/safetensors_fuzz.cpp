// An accepted header describes tensors that tile the file: no hole, no overlap, no trailing byte; laid out
// again in its order it has the same places.
#include "bytes_as_file.hpp"
#include "formats/safetensors.hpp"

using weighbridge::BytesAsFile;
using weighbridge::SafetensorsOrder;
using weighbridge::SafetensorsTensor;
using weighbridge::lay_out_safetensors;
using weighbridge::read_safetensors_header;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = BytesAsFile{{data, size}}.open();
  const auto header = read_safetensors_header(file);
  if (!header) {
    require_message(header.error());
    return 0;
  }
  std::vector<SafetensorsTensor> tensors;
  std::uint64_t place = header->data_start;
  for (const auto& entry : header->tensors) {
    if (entry.begin != place || entry.end < entry.begin) std::abort();  // a hole or an overlap was let through
    place = entry.end;
    tensors.push_back({entry.name, entry.dtype, entry.shape});
  }
  if (place != file.size()) std::abort();
  const auto layout = lay_out_safetensors(tensors, header->metadata, SafetensorsOrder::given);
  if (!layout) std::abort();
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (layout->offsets[i] - layout->header.size() != header->tensors[i].begin - header->data_start) std::abort();
  return 0;
}
