#pragma once
// Runs the kit on a plugin and gives what it says.

#include <map>
#include <string>
#include <vector>

#include "checkpoints/temporary_folder.hpp"
#include "conformance/conformance.hpp"

namespace weighbridge::test {

inline ConformanceReport run_kit(const std::filesystem::path& file, std::vector<std::filesystem::path> configs = {}) {
  const TemporaryFolder scratch;
  return check_plugin(file, {.configs = std::move(configs), .scratch = scratch.path()});
}

// By family: a line for every violation.
inline std::map<std::string, std::vector<std::string>> by_family(const ConformanceReport& report) {
  std::map<std::string, std::vector<std::string>> lines;
  for (const auto& violation : report.violations) lines[violation.family].push_back(text(violation));
  return lines;
}

}  // namespace weighbridge::test
