#pragma once
// How a run takes up the work of one that was interrupted.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "engine/files.hpp"
#include "engine/journal.hpp"
#include "engine/memory.hpp"
#include "engine/preflight.hpp"
#include "engine/run.hpp"
#include "engine/staging.hpp"

namespace weighbridge {

// The journal to continue from, if that is asked for and there is one of the folder that lies there. Tells the user if there
// is none, and if work is about to be thrown away.
Result<std::optional<Journal>> find_earlier(Files& files, Staging& staging, const RunOptions& options);

// Makes the windows those of the earlier run, with fewer workers if they are larger.
Status adopt_windows(Budget& budget, const RunIdentity& before, const RunOptions& options);

// What this run is. The folder is left out.
Result<RunIdentity> identity_of(Files& files, const Plan& plan, const Schedule& schedule, const Budget& budget, const RunOptions& options);

// That what lies in `folder` is what the earlier run had when it wrote its journal, and that this run may continue it.
Status check_earlier(Files& files, const Journal& earlier, const RunIdentity& now, const Staging& staging, const Plan& plan, const Checked& checked);

// How much the windows of a journal hold, as marks per window with their checksums put in their places.
std::uint64_t take_over(const Journal& earlier, const Schedule& schedule, std::vector<bool>& done, std::vector<std::uint32_t>& checksums);

// The error of a run whose work is kept.
Error resumable(Error error, const Staging& staging, const Recovery& recovery);

}  // namespace weighbridge
