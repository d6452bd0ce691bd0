#pragma once
// Beside a finished destination: what made it, and its files as they were then.

#include <filesystem>

#include "engine/journal.hpp"

namespace weighbridge {

// Writes the record of an output that is complete but for being given its name: its files lie in `folder`. Renaming the folder
// leaves the record true.
Status write_finished(Files& files, const std::filesystem::path& record, const std::filesystem::path& folder, const Plan& plan,
                      const RunIdentity& run);

// Whether `destination` holds the files that such a run made, unchanged since, from sources that are unchanged since.
Result<bool> is_finished(Files& files, const std::filesystem::path& record, const std::filesystem::path& destination, const Plan& plan, const RunIdentity& run);

}  // namespace weighbridge
