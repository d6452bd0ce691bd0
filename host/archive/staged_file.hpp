#pragma once
// One output file that appears at once. It is made under a hidden name beside its own and renamed at the end.

#include <filesystem>
#include <optional>
#include <span>

#include "engine/files.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

class StagedFile {
 public:
  // `destination` is canonical; the folder above it exists. What a killed run left is replaced. An error if the destination
  // exists and `overwrite` is not given, or is no regular file, or if another run is writing to it.
  static Result<StagedFile> begin(Files& files, const std::filesystem::path& destination, bool overwrite);

  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile();  // unless published: nothing is left but what was there before

  // From any thread.
  Status write(std::uint64_t offset, std::span<const char> bytes);
  // Syncs it and puts it in the destination's place.
  Status publish();

 private:
  StagedFile(Files& files, std::filesystem::path destination, bool overwrite);
  Status lock();
  Status look_at_destination() const;

  Files* files_;
  std::filesystem::path destination_, partial_;
  std::optional<Descriptor> file_;
  bool overwrite_;
};

}  // namespace weighbridge
