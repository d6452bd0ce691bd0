// YAML as PyYAML reads it: what is accepted is written and read back the same.
#include "bytes_as_file.hpp"
#include "checkpoints/yaml_document.hpp"

using weighbridge::as_text;
using weighbridge::parse_yaml;
using weighbridge::require_message;
using weighbridge::write_yaml;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = parse_yaml(as_text(data, size), "input");
  if (!read) {
    require_message(read.error());
    return 0;
  }
  const auto written = write_yaml(*read);
  const auto again = parse_yaml(written, "input");
  if (!again || write_yaml(*again) != written) std::abort();
  return 0;
}
