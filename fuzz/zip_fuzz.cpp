// Records of an accepted archive lie inside the file, and so do the tensors of an object in it.

#include "formats/torch_archive.hpp"
#include "formats/torch_object.hpp"
#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weighbridge::fuzzing::require;
  const weighbridge::fuzzing::MemoryFile memory{data, size};
  const auto file = memory.open();
  const auto records = weighbridge::read_zip_directory(file, 0, size);
  if (records)
    for (const auto& record : *records) require(record.offset <= size && record.size <= size - record.offset);
  else
    require(!records.error().file.empty() && !records.error().remedy.empty());
  weighbridge::TorchOptions options;
  options.globals = weighbridge::PickleGlobals::megatron();
  const auto object = weighbridge::read_torch_object(file, options);
  if (object)
    for (const auto& storage : object->storages)
      require(storage.offset <= size && storage.bytes <= size - storage.offset);
  return 0;
}
