// A value that is accepted can be written, and what is written reads back and writes the same.

#include "formats/pickle_reader.hpp"
#include "formats/pickle_writer.hpp"
#include "memory_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using weighbridge::fuzzing::require;
  weighbridge::PickleOptions options;
  options.globals = weighbridge::PickleGlobals::megatron();
  const std::string bytes{reinterpret_cast<const char*>(data), size};
  weighbridge::pickle_length(bytes);
  const auto document = weighbridge::read_pickle(bytes, options, "input", "");
  if (!document) {
    require(!document.error().file.empty() && !document.error().problem.empty() && !document.error().remedy.empty());
    return 0;
  }
  const auto written = weighbridge::write_pickle(document->root);
  if (!written) return 0;  // an integer too long for protocol 2
  options.max_depth = 2 * options.max_depth;
  const auto again = weighbridge::read_pickle(*written, options, "written", "");
  require(bool{again});
  const auto rewritten = weighbridge::write_pickle(again->root);
  require(rewritten && *rewritten == *written);
  return 0;
}
