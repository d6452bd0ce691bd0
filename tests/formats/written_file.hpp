#pragma once
// A file with given content, in a temporary folder that goes away with it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "formats/input_file.hpp"

namespace weighbridge::testing {

class WrittenFile {
 public:
  WrittenFile(std::string_view name, std::string_view content) {
    std::string pattern = (std::filesystem::temp_directory_path() / "weighbridge-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    folder_ = pattern;
    path_ = folder_ / name;
    std::ofstream{path_, std::ios::binary} << content;
  }
  WrittenFile(const WrittenFile&) = delete;
  WrittenFile& operator=(const WrittenFile&) = delete;
  ~WrittenFile() { std::filesystem::remove_all(folder_); }

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& folder() const { return folder_; }
  InputFile open() const { return *InputFile::open(path_); }

 private:
  std::filesystem::path folder_, path_;
};

}  // namespace weighbridge::testing
