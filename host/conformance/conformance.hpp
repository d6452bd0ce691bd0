#pragma once
// The conformance kit: everything that can be told of a plugin without a model, by a run over all rules.

#include <boost/json/object.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "conformance/violation.hpp"
#include "families/manifest.hpp"

namespace weighbridge {

struct ConformanceOptions {
  std::vector<std::filesystem::path> configs;  // config.json files to prove besides those of the manifest
  std::filesystem::path scratch;               // an existing folder for synthetic models, tens of megabytes
};

// What was proven of one check.
struct ProvenCheck {
  std::string name, family;
  std::int64_t equations{}, tensors{}, parameters{};
  std::int64_t conversions{};  // imports and exports
  std::int64_t elements{};     // compared
  std::vector<std::string> layouts, left_out;
};

struct Accepted {
  Violation violation;
  std::string reason;
};

struct ConformanceReport {
  std::filesystem::path file;
  std::optional<Manifest> manifest;
  std::vector<std::string> families;
  std::vector<ProvenCheck> proven;
  std::vector<Violation> violations;  // errors first
  std::vector<Accepted> accepted;

  std::size_t count(Severity severity) const;
  bool passes(bool strict) const { return count(Severity::error) == 0 && (!strict || violations.empty()); }
};

// `file`: the library, or the manifest beside it. Never fails: what is wrong is a violation.
ConformanceReport check_plugin(const std::filesystem::path& file, const ConformanceOptions& options);

boost::json::object to_json(const ConformanceReport& report, bool strict);
std::string to_text(const ConformanceReport& report, bool strict);  // lines, each ended

}  // namespace weighbridge
