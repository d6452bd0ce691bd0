#pragma once
// What import, export, plan and roundtrip share: from options to a Conversion, and from there to a folder.

#include <filesystem>
#include <string>

#include "cli/console.hpp"
#include "cli/options.hpp"
#include "conversion/conversion.hpp"
#include "engine/run.hpp"
#include "verify/comparison.hpp"

namespace weighbridge {

enum class Direction : std::uint8_t { to_megatron = 1, to_hugging_face, reshard };

// A conversion that is ready to run.
struct Prepared {
  Direction direction{};
  Conversion conversion;
  std::filesystem::path source, destination;  // folders; the destination may be empty when only planned
  double seconds{};                           // that planning took
};

// Resolves --hf-model and prepares. For an export --hf-model is the reference and may be empty.
Result<Prepared> prepare(Direction direction, const Options& options, Registry& registry);

// Prints progress on the console; empty if options ask for none. The console outlives it.
ProgressSink progress_sink(Console& console, const Options& options);

// What every run takes from the command line and the console.
RunOptions run_options(Console& console, const Options& options);

// The options of a comparison; its progress is the console's.
CompareOptions compare_options(Console& console, const Options& options);

// Runs it, with progress on the console unless options say otherwise.
// With `recovers` an interrupted run leaves what --resume continues, and a finished one is not done again.
Result<RunReport> carry_out(const Prepared& prepared, const Options& options, Console& console, bool recovers = false);

}  // namespace weighbridge
