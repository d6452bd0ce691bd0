#pragma once
// The files of the output other than their tensors' bytes: made, carried over, framed by literals, synced.

#include <cstdint>
#include <filesystem>
#include <set>
#include <stop_token>
#include <vector>

#include "engine/files.hpp"
#include "engine/memory.hpp"
#include "engine/progress_meter.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Makes every output file of the plan, with the folders above it, in `folder`, in full size and its disk space taken.
Status make_files(Files& files, const Plan& plan, const std::filesystem::path& folder);

// Copies the carried files. `sizes` are what check_plan found; a file that has changed its size since is an error.
Status carry_files(Files& files, const Plan& plan, const std::vector<std::uint64_t>& sizes,
                   const std::filesystem::path& folder, const Buffer& buffer, const std::stop_token& stop,
                   ProgressMeter& progress);

// Writes the literals with the tensors' checksums (indexed as the plan's tensors) in their slots.
Status write_literals(Files& files, const Plan& plan, const std::vector<std::uint32_t>& checksums,
                      const std::filesystem::path& folder, const std::stop_token& stop, ProgressMeter& progress);

// Syncs files of the plan, by number: what a process wrote that does not make the files.
Status sync_tensors(Files& files, const Plan& plan, const std::set<std::uint32_t>& written, const std::filesystem::path& folder,
                    const std::stop_token& stop);

// Syncs every file and then every folder, inner ones first.
Status sync_all(Files& files, const Plan& plan, const std::filesystem::path& folder, const std::stop_token& stop);

}  // namespace weighbridge
