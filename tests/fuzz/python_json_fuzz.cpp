// JSON of both kinds: what is accepted is written and read back the same.
#include "bytes_as_file.hpp"
#include "checkpoints/python_json.hpp"
#include "formats/strict_json.hpp"

using weighbridge::as_text;
using weighbridge::parse_python_json;
using weighbridge::parse_strict_json;
using weighbridge::python_json;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = as_text(data, size);
  if (const auto strict = parse_strict_json(text, "input"); !strict) require_message(strict.error());
  const auto read = parse_python_json(text, "input");
  if (!read) {
    require_message(read.error());
    return 0;
  }
  const auto written = python_json(read->root, {}, read->wide_integers);
  const auto again = parse_python_json(written, "input");
  if (!again || python_json(again->root, {}, again->wide_integers) != written) std::abort();
  return 0;
}
