#pragma once
// Folders to inspect: copies of golden checkpoints to spoil, and small files written by hand.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/safetensors_bytes.hpp"
#include "checkpoints/temporary_folder.hpp"
#include "families/registry.hpp"
#include "inspection/inspection.hpp"

namespace weighbridge::test {

inline Registry plugins() { return Registry::scan({std::filesystem::path{WEIGHBRIDGE_PLUGINS}}); }

inline void copy_golden(const std::string& name, const std::filesystem::path& to) {
  std::filesystem::copy(std::filesystem::path{WEIGHBRIDGE_GOLDEN} / name, to, std::filesystem::copy_options::recursive);
}

struct HeaderEntry {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t bytes{};
};

// A safetensors file of zeros.
inline std::string safetensors_of(const std::vector<HeaderEntry>& entries) {
  std::string header = "{";
  std::uint64_t at = 0;
  for (const auto& entry : entries) {
    std::string shape;
    for (const auto extent : entry.shape) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    header +=
        (at == 0 ? "" : ",") +
        ("\"" + entry.name + "\":{\"dtype\":\"" + entry.dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[") +
        std::to_string(at) + "," + std::to_string(at + entry.bytes) + "]}";
    at += entry.bytes;
  }
  return safetensors_bytes(header + "}", std::string(at, '\0'));
}

inline std::vector<std::string> texts(const Inspection& inspection, Finding::Kind kind) {
  std::vector<std::string> lines;
  for (const auto& finding : inspection.findings)
    if (finding.kind == kind) lines.push_back(text(finding));
  return lines;
}

}  // namespace weighbridge::test
