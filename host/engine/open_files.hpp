#pragma once
// The most recently used open files: a checkpoint may have more files than a process may open.

#include <filesystem>
#include <list>

#include "engine/files.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// For one thread. Files are opened when first asked for; the least recently used one makes room.
class OpenFiles {
 public:
  explicit OpenFiles(Files& files) : files_{&files} {}
  // The descriptor stays the caller's to use until the next call.
  Result<int> get(const std::filesystem::path& path, int flags);

 private:
  struct Entry {
    std::filesystem::path path;
    Descriptor descriptor;
  };
  Files* files_;
  std::list<Entry> entries_;  // last used first
};

}  // namespace weighbridge
