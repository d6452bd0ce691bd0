// Records of an accepted archive lie inside the file.
#include "bytes_as_file.hpp"
#include "formats/torch_archive.hpp"

using weighbridge::BytesAsFile;
using weighbridge::read_zip_directory;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = BytesAsFile{{data, size}}.open();
  const auto records = read_zip_directory(file, 0, size);
  if (!records) {
    require_message(records.error());
    return 0;
  }
  for (const auto& record : *records)
    if (record.offset > size || record.size > size - record.offset) std::abort();
  return 0;
}
