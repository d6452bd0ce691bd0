#include "cli/temporary_folder.hpp"

#include <stdlib.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace weighbridge {

Result<TemporaryFolder> TemporaryFolder::make(const std::filesystem::path& parent) {
  auto name = (parent / "weighbridge-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    return Error{Error::Kind::io, parent.string(), {},
                 "no folder can be made in it: " + std::generic_category().message(errno),
                 "Name a folder with room for the model with --work-dir"};
  }
  return TemporaryFolder{name};
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_{std::exchange(other.path_, {})} {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace weighbridge
