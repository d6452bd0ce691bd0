#pragma once
// A folder that is gone when its owner is.

#include <filesystem>

#include "tensor/result.hpp"

namespace weighbridge {

class TemporaryFolder {
 public:
  // Makes a new folder, of a name of its own, in `parent`, which exists.
  static Result<TemporaryFolder> make(const std::filesystem::path& parent);
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();  // removes it with all that is in it

  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_{std::move(path)} {}
  std::filesystem::path path_;
};

}  // namespace weighbridge
