#pragma once
// Archives of `weighbridge pack` read where they lie: a path through an archive, "model.wbz/config.json", names a file in it.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/archive_index.hpp"
#include "formats/input_file.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// An open archive and its index. Immutable: all members may be called from several threads at once.
class PackedFolder {
 public:
  // Errors as of read_archive_index; an index beyond kLargestReadIndex is refused: it is kept in memory.
  static Result<std::shared_ptr<const PackedFolder>> open(const std::filesystem::path& archive);
  static constexpr std::uint64_t kLargestReadIndex = 64 << 20;

  const ArchiveFile* file(std::string_view path) const;  // null if there is none
  bool has_folder(std::string_view path) const;          // the whole is the folder ""
  // What lies in that folder itself: names and whether they are folders, sorted.
  std::vector<std::pair<std::string, bool>> list(std::string_view folder) const;

  // Fills `into` from byte `offset` of one of its files; the caller has checked that it reaches so far. Each thread keeps the
  // piece that it decoded last, and with it memory of PieceDecoder::kMemory. Errors name the archive and the file.
  Status read(const ArchiveFile& file, std::uint64_t offset, std::span<char> into) const;

 private:
  PackedFolder(InputFile archive, ArchiveIndex index);

  InputFile archive_;
  ArchiveIndex index_;
  std::vector<std::uint64_t> begins_;  // of each piece, in its file
  std::uint64_t number_;               // of all archives that this process opened
};

// A place in an archive: `path` is empty for the whole.
struct PackedPlace {
  std::filesystem::path archive;  // the path up to the archive
  std::string path;
  std::shared_ptr<const PackedFolder> folder;
};

// Where `path` leads if it names an archive or runs through one; nothing if it does not. Archives that were opened last are kept open.
Result<std::optional<PackedPlace>> find_packed(const std::filesystem::path& path);
// The same without looking into the archive: it may be damaged.
bool runs_into_archive(const std::filesystem::path& path);
// Whether this process has opened any: then each thread that reads may take PieceDecoder::kMemory.
bool any_packed_folder();

}  // namespace weighbridge
