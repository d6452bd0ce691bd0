#pragma once
// The proof on weights: a synthetic model is imported into several layouts, every Megatron element is compared with what its
// equation says, evaluated one element at a time, and every tensor must come back bit by bit.

#include <filesystem>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "conformance/recorded_call.hpp"
#include "conformance/violation.hpp"
#include "families/registry.hpp"

namespace weighbridge {

// Elements of a model above which no weights are made.
inline constexpr std::int64_t kLargestModel = 4'000'000;

struct WeightProof {
  std::int64_t conversions{};
  std::int64_t elements{};            // compared, in both directions
  std::vector<std::string> layouts;   // proven, as options of the command line
  std::vector<std::string> left_out;  // those that the model does not divide into, and why
};

// `stated`: the equations without a source. `all`: every type and layout, else one type and two layouts. `scratch`: an existing folder.
WeightProof prove_weights(const Family& family, const ConfigDocument& config, const ConfigDocument& document,
                          const Recording& stated, bool all, const std::filesystem::path& scratch, Registry& registry,
                          std::vector<Violation>& violations);

}  // namespace weighbridge
