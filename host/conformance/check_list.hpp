#pragma once
// The configurations on which a plugin is proven. Its manifest says them, or names a file beside it that does:
//
//   "checks": [{"name": "dense", "config": {…a small config.json…},
//               "corners": {"tied": {"tie_word_embeddings": true}, "no window": {"sliding_window": null}},
//               "tensors": {"model.layers.{L}.mlp.up_proj.weight": [28, 20], …},
//               "accepts": [{"rule": "field-lost", "subject": "config field pad_token_id", "reason": "…"}]}]
//   "checks": "my_family.checks.json"       {"checks": [… the same …]}
//
// Only `config` is required; it may be the name of a file beside the manifest. A corner is the check once more with some
// fields set (null: left out), by their dotted paths. `tensors` lists what a real checkpoint of that configuration
// holds, with shapes or null. What a check accepts is no violation, and has a reason.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "conformance/violation.hpp"
#include "families/manifest.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

struct Acceptance {
  std::string rule, subject, reason;  // a subject that ends with "*" stands for all that begin so
};

struct Check {
  std::string name;     // "dense"; of a corner "dense, tied"
  std::size_t group{};  // the check that a corner belongs to
  bool corner{};        // of a check, rather than the check itself
  ConfigDocument config;
  std::map<std::string, std::optional<Shape>> tensors;  // by folded name; empty if not listed
};

struct CheckList {
  std::vector<Check> checks;                     // corners follow their check
  std::vector<std::vector<Acceptance>> accepts;  // by group
};

// What the manifest states, then the given config.json files. What cannot be used is a violation of the rule bad-check.
CheckList read_checks(const Manifest& manifest, const std::vector<std::filesystem::path>& configs,
                      std::vector<Violation>& violations);

}  // namespace weighbridge
