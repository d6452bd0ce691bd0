#pragma once
// What import and export do once their options are known.

#include "cli/conversions.hpp"

namespace weighbridge {

// Plans, runs unless it is a dry run, and reports. Gives the exit code.
int convert(Direction direction, const Options& options, Console& console);

}  // namespace weighbridge
