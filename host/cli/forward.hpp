#pragma once
// verify --forward: runs both sides on a few tokens.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "cli/console.hpp"
#include "cli/options.hpp"

namespace weighbridge {

struct ForwardRequest {
  bool wanted{};
  std::vector<std::int64_t> tokens;  // of one sequence; empty: the usual ones
  double tolerance{1e-3};
  std::optional<std::filesystem::path> expected;
};

// --forward, --tokens, --tolerance, --expected. Both outlive the parse.
void declare_forward(CLI::App& command, ForwardRequest& request);

// Gives the exit code: 1 where the sides disagree.
int forward_check(const Options& options, const ForwardRequest& request, Console& console);

}  // namespace weighbridge
