#pragma once
// Gives a checkpoint back from its archive.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/run.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct UnpackReport {
  std::uint64_t files{}, folders{}, pieces{};
  std::uint64_t bytes_read{}, bytes_written{};  // the archive; the folder's files
  double seconds{};
  std::uint64_t peak_resident{};
  unsigned threads{};
  std::vector<std::string> warnings;
};

// Makes the folder `destination` of `archive`, which appears when it is complete and every byte of it had its checksum.
// Of `options` the same counts as of pack. Errors: those of read_archive_index and PieceDecoder; those of Staging; a disk
// that is too full, before anything is written.
Result<UnpackReport> unpack(const std::filesystem::path& archive, const std::filesystem::path& destination,
                            const RunOptions& options);

}  // namespace weighbridge
