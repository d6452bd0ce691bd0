// Pickles as data, with every list of globals: no crash, no blow-up, and the length that was read is the pickle's.
#include "bytes_as_file.hpp"
#include "formats/pickle_reader.hpp"

using weighbridge::PickleGlobals;
using weighbridge::PickleOptions;
using weighbridge::as_text;
using weighbridge::read_pickle;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto keep = PickleGlobals::megatron();
  keep.set_unknown(PickleGlobals::Unknown::keep);
  for (const auto& globals : {PickleGlobals::weights_only(), PickleGlobals::dcp_metadata(), keep}) {
    PickleOptions options;
    options.globals = globals;
    const auto document = read_pickle(as_text(data, size), options, "input", "");
    if (!document)
      require_message(document.error());
    else if (document->length > size)
      std::abort();
  }
  return 0;
}
