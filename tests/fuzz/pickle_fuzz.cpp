// Pickles as data, with every list of globals: no crash, no blow-up, the length that was read is
// the pickle's, and what is accepted can be written, reads back and writes the same.
#include "bytes_as_file.hpp"
#include "formats/pickle_reader.hpp"
#include "formats/pickle_writer.hpp"

using weighbridge::PickleGlobals;
using weighbridge::PickleOptions;
using weighbridge::as_text;
using weighbridge::read_pickle;
using weighbridge::require_message;
using weighbridge::write_pickle;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto keep = PickleGlobals::megatron();
  keep.set_unknown(PickleGlobals::Unknown::keep);
  for (const auto& globals : {PickleGlobals::weights_only(), PickleGlobals::dcp_metadata(), keep}) {
    PickleOptions options;
    options.globals = globals;
    const auto document = read_pickle(as_text(data, size), options, "input", "");
    if (!document) {
      require_message(document.error());
      continue;
    }
    if (document->length > size) std::abort();
    const auto written = write_pickle(document->root);
    if (!written) continue;  // an integer too long for protocol 2
    options.max_depth *= 2;
    const auto again = read_pickle(*written, options, "written", "");
    if (!again) std::abort();
    const auto rewritten = write_pickle(again->root);
    if (!rewritten || *rewritten != *written) std::abort();
  }
  return 0;
}
