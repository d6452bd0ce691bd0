#pragma once
// Runs the built program as a user would, and looks at folders.

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "checkpoints/temporary_folder.hpp"

namespace weighbridge::test {

struct Ran {
  int code{-1};  // -1: it did not exit by itself
  std::string out, err;
};

inline std::string content(const std::filesystem::path& file) {
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) throw std::runtime_error("cannot read " + file.string());
  return std::move(text).str();
}

inline std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return text + "'";
}

inline Ran run_weighbridge(const std::vector<std::string>& words) {
  const TemporaryFolder streams;
  std::string line = quoted(WEIGHBRIDGE_PROGRAM);
  for (const auto& word : words) line += " " + quoted(word);
  // An empty stream is a file that content() reads nothing from; it is made even so.
  line += " >" + quoted(streams / "out") + " 2>" + quoted(streams / "err");
  const int status = std::system(line.c_str());
  const auto read = [&](const char* name) {
    return std::filesystem::file_size(streams / name) > 0 ? content(streams / name) : std::string{};
  };
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read("out"), read("err")};
}

// Every regular file below `folder`, hidden ones too, by relative path.
inline std::map<std::string, std::string> files_of(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator{folder}) {
    if (!entry.is_regular_file()) continue;
    const auto name = entry.path().lexically_relative(folder).generic_string();
    files[name] = entry.file_size() > 0 ? content(entry.path()) : std::string{};
  }
  return files;
}

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path{WEIGHBRIDGE_GOLDEN} / name;
}

}  // namespace weighbridge::test
