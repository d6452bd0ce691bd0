#pragma once
// A folder for one test, and what lies in it.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

#include <stdlib.h>

namespace weighbridge {

// Made empty, removed with everything in it.
class WorkFolder {
 public:
  WorkFolder() {
    auto pattern = (std::filesystem::temp_directory_path() / "weighbridge-engine-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error{"no folder for the test"};
    path_ = pattern;
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::filesystem::path& relative, const std::string& bytes) const {
    std::filesystem::create_directories((path_ / relative).parent_path());
    std::ofstream{path_ / relative, std::ios::binary} << bytes;
    return path_ / relative;
  }

 private:
  std::filesystem::path path_;
};

// Every file below a folder, by relative path; folders end in "/". Empty if there is no such folder.
inline std::map<std::string, std::string> contents(const std::filesystem::path& folder) {
  std::map<std::string, std::string> found;
  if (!std::filesystem::exists(folder)) return found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    const auto name = entry.path().lexically_relative(folder).string();
    if (entry.is_directory()) {
      found[name + "/"];
      continue;
    }
    std::ifstream in{entry.path(), std::ios::binary};
    found[name] = {std::istreambuf_iterator<char>{in}, {}};
  }
  return found;
}

}  // namespace weighbridge
