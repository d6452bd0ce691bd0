#pragma once
// Makes an archive of a checkpoint.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "archive/folder_content.hpp"
#include "engine/run.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct PackReport {
  std::uint64_t files{}, folders{}, pieces{};
  std::uint64_t bytes_read{}, bytes_written{};    // the folder's files; the archive
  std::uint64_t tensor_bytes{}, tensor_stored{};  // of those, what tensors are
  double seconds{};
  std::uint64_t peak_resident{};
  unsigned threads{};
  std::vector<LeftOut> left_out;
  std::vector<std::string> notes;
};

// Packs all of `folder` into the file `archive`, which appears when it is complete. The folder may be any; the tensors of
// checkpoints in it are what gets small. Of `options`, threads, max_memory, overwrite, progress (counted in bytes of the
// folder), stop and files are looked at. The same folder gives the same bytes for any of them; another version of zstd may
// give others. Errors: those of list_folder; a file that changes meanwhile; an archive that would lie in the folder.
Result<PackReport> pack(const std::filesystem::path& folder, const std::filesystem::path& archive,
                        const RunOptions& options, bool follow_links = false);

}  // namespace weighbridge
