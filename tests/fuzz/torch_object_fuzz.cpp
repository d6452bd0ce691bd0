// What torch.save wrote, or pretends to have written: every storage of an accepted object lies inside the file.
#include "bytes_as_file.hpp"
#include "formats/torch_object.hpp"

using weighbridge::BytesAsFile;
using weighbridge::PickleGlobals;
using weighbridge::TorchOptions;
using weighbridge::read_torch_object;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = BytesAsFile{{data, size}}.open();
  for (const auto& globals : {PickleGlobals::weights_only(), PickleGlobals::megatron()}) {
    TorchOptions options;
    options.globals = globals;
    const auto object = read_torch_object(file, options);
    if (!object) {
      require_message(object.error());
      continue;
    }
    for (const auto& storage : object->storages)
      if (storage.offset > size || storage.bytes > size - storage.offset) std::abort();
  }
  return 0;
}
