// A header that is accepted tiles its file and, laid out again in the same order, has the same places.

#include "formats/safetensors.hpp"
#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weighbridge::fuzzing::require;
  const weighbridge::fuzzing::MemoryFile memory{data, size};
  const auto header = weighbridge::read_safetensors_header(memory.open());
  if (!header) {
    require(!header.error().file.empty() && !header.error().problem.empty() && !header.error().remedy.empty());
    return 0;
  }
  std::vector<weighbridge::SafetensorsTensor> tensors;
  auto end = header->data_start;
  for (const auto& tensor : header->tensors) {
    require(tensor.begin == end);
    end = tensor.end;
    tensors.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  require(end == size);
  const auto layout = weighbridge::lay_out_safetensors(tensors, header->metadata, weighbridge::SafetensorsOrder::given);
  require(bool{layout});
  for (std::size_t i = 0; i < tensors.size(); ++i)
    require(layout->offsets[i] - layout->header.size() == header->tensors[i].begin - header->data_start);
  return 0;
}
