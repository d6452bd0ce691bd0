#pragma once
// Finds the records of a zip archive that lies somewhere inside a file, as PyTorch writes them: stored, never
// compressed. Only the directory and the local headers are read; record data stays on disk.

#include <cstdint>
#include <string>
#include <vector>

#include "formats/input_file.hpp"

namespace weighbridge {

struct ZipRecord {
  std::string name;
  std::uint64_t offset{};  // of the data, absolute in the file, found through the local header
  std::uint64_t size{};    // bytes
  std::uint32_t crc{};     // as the directory says it; PyTorch never checks it and may write 0
};

// The records of the archive in bytes [offset, offset + length) of `file`, in directory order. `subject` names the
// archive in messages (may be empty). Errors: no archive there, sizes or offsets outside of it, records that overlap,
// local and central headers that disagree, a name given twice, compression, encryption, several volumes.
Result<std::vector<ZipRecord>> read_zip_directory(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                                  const std::string& subject = {});

}  // namespace weighbridge
