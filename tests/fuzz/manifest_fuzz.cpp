// An accepted manifest names a library beside it, and architectures.
#include "bytes_as_file.hpp"
#include "families/manifest.hpp"

using weighbridge::BytesAsFile;
using weighbridge::read_manifest;
using weighbridge::require_message;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesAsFile file{{data, size}};
  const auto manifest = read_manifest(file.path());
  if (!manifest) {
    require_message(manifest.error());
    return 0;
  }
  if (manifest->library.parent_path() != file.path().parent_path() || manifest->library.filename().empty()) std::abort();
  if (manifest->id.empty() || manifest->architectures.empty()) std::abort();
  return 0;
}
