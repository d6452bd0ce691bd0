#pragma once
// Read-only access to a file at given positions. Nothing is mapped: a file that shrinks while it is read is an error,
// not a signal. A path may run through an archive of `weighbridge pack`: "model.wbz/config.json".

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "tensor/result.hpp"

namespace weighbridge {

class PackedFolder;
struct ArchiveFile;

// An open file. Owns its descriptor; movable; all const members may be called from several threads at once.
class InputFile {
 public:
  // Follows symbolic links. An error unless `path` is a readable regular file (or a block of memory seen as one).
  static Result<InputFile> open(const std::filesystem::path& path);

  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile other) noexcept;
  ~InputFile();

  const std::string& name() const noexcept { return name_; }  // the path as given, for messages
  std::uint64_t size() const noexcept { return size_; }       // bytes, when it was opened

  // Fills `into` from byte `offset` on; an error, naming the file, if the file ends earlier.
  Status read(std::uint64_t offset, std::span<char> into) const;
  // The same into a new string. The range is checked against size() before anything is allocated.
  Result<std::string> read(std::uint64_t offset, std::uint64_t length) const;

 private:
  InputFile(std::string name, int descriptor, std::uint64_t size) noexcept;

  std::string name_;
  int descriptor_{-1};  // none of a file in an archive
  std::uint64_t size_{};
  std::shared_ptr<const PackedFolder> archive_;
  const ArchiveFile* packed_{};  // in that archive
};

// A whole small file (JSON, YAML, a pickle). An error if it is larger than `limit` bytes.
Result<std::string> read_whole_file(const std::filesystem::path& path, std::uint64_t limit);

}  // namespace weighbridge
