#pragma once
// The manifest beside a plugin, from which it is listed without being loaded.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/result.hpp"

namespace weighbridge {

struct Manifest {
  std::filesystem::path file;     // the manifest
  std::filesystem::path library;  // the shared object, beside it
  std::string id, version;
  std::string summary;  // one line for lists
  std::uint32_t abi_major{}, needs_minor{};
  std::vector<std::string> architectures;
  std::vector<std::string> model_types;
  // Well-known models: the name of a file beside the manifest, as read_variants reads it, or plain names.
  std::filesystem::path variants_file;
  std::vector<std::string> variants;
  std::vector<std::string> directions{"import", "export"};  // what the family can do
};

// Reads and checks a manifest:
//   {"manifest": 1, "id": "my_family", "version": "1.0.0", "library": "my_family.so", "summary": "…",
//    "abi": {"major": 1, "needs_minor": 0}, "architectures": ["…"], "model_types": ["…"], "variants": "my_family.variants.json"}
// Errors name the file and the field. Files must be plain names beside the manifest. "variants" may also be a list of names;
// "directions", a list of "import" and "export", is both where it is left out.
Result<Manifest> read_manifest(const std::filesystem::path& file);

}  // namespace weighbridge
