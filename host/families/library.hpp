#pragma once
// Loading a plugin's shared object and refusing one that does not keep the contract.

#include <vector>

#include "families/registry.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Loads the library of a manifest, for good: it stays loaded until the process ends. Refused, Error::Kind::plugin and
// named: a library that does not load, lacks wb_plugin_v1, throws from it or returns null; another ABI major, or a
// minor that it needs and this host lacks; a descriptor too small for its version or without a callback; id, version,
// architectures or model types other than the manifest's; a failing self-check.
Result<std::vector<Family>> load_library(const Manifest& manifest);

}  // namespace weighbridge
