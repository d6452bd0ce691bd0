#include "engine/resumption.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace weighbridge {
namespace {

void tell(const RunOptions& options, const std::string& line) {
  if (options.tell) options.tell(line);
}

std::size_t of_one_worker(const Budget& budget, std::uint64_t capacity) { return budget.bounce + budget.block + capacity + budget.scratch; }

// Workers whose buffers are of the earlier run's size. What the program itself takes varies a little from run to run.
unsigned threads_that_fit(const Budget& budget, std::uint64_t capacity) {
  const auto room = budget.threads * of_one_worker(budget, budget.capacity);
  return static_cast<unsigned>(std::min<std::uint64_t>(budget.threads, (room + room / 16) / of_one_worker(budget, capacity)));
}

Error damaged(const std::filesystem::path& path, std::string problem) {
  return {Error::Kind::mismatch, path.string(), "--resume", std::move(problem), "Run it without --resume to start anew"};
}

Status check_sizes(Files& files, const std::filesystem::path& folder, const Plan& plan, const Checked& checked) {
  const auto check = [&](const std::filesystem::path& path, std::uint64_t size) -> Status {
    const auto found = identify(files, folder / path);
    if (!found) return damaged(folder / path, "a file of the unfinished output is gone");
    if (found->size != size) return damaged(folder / path, fmt::format("a file of the unfinished output has {} bytes instead of {}", found->size, size));
    return done();
  };
  for (const auto& file : plan.files)
    if (auto checked_file = check(file.path, file.size); !checked_file) return checked_file;
  for (std::size_t i = 0; i < plan.carried.size(); ++i)
    if (auto checked_file = check(plan.carried[i].path, checked.carried_sizes[i]); !checked_file) return checked_file;
  return done();
}

}  // namespace

Result<std::optional<Journal>> find_earlier(Files& files, Staging& staging, const RunOptions& options) {
  const auto leftover = staging.has_leftover();
  if (!leftover) return leftover.error();
  if (!options.recovery.resume) return std::optional<Journal>{};
  if (!*leftover) {
    tell(options, "There is no unfinished output to continue; this run starts from the beginning");
    return std::optional<Journal>{};
  }
  auto journal = read_journal(files, staging.journal());
  if (!journal) return journal;
  const auto folder = identify(files, staging.folder());
  if (!folder) return folder.error();
  if (*journal && (*journal)->run.folder == folder->inode) return journal;
  tell(options, "The journal of the unfinished output cannot be used; this run starts from the beginning");
  return std::optional<Journal>{};
}

Status adopt_windows(Budget& budget, const RunIdentity& before, const RunOptions& options) {
  auto threads = threads_that_fit(budget, before.capacity);
  if (threads == 0 && options.max_memory < before.max_memory)
    return Error{Error::Kind::usage, "", "--max-memory",
                 fmt::format("{} bytes of memory do not do to continue what was begun with {}", options.max_memory, before.max_memory),
                 "Allow as much as before, or run it without --resume to start anew"};
  budget.threads = std::max(threads, 1u);
  budget.capacity = static_cast<std::size_t>(before.capacity);
  budget.window = static_cast<std::size_t>(before.window);
  budget.block = static_cast<std::size_t>(before.block);
  return done();
}

Result<RunIdentity> identity_of(Files& files, const Plan& plan, const Schedule& schedule, const Budget& budget, const RunOptions& options) {
  auto sources = identify_sources(files, plan);
  if (!sources) return sources.error();
  return RunIdentity{options.recovery.maker, fingerprint(plan), *std::move(sources), fingerprint(schedule, plan.tensors.size()), schedule.windows(),
                     budget.capacity,        budget.window,     budget.block,        options.max_memory, 0};
}

Status check_earlier(Files& files, const Journal& earlier, const RunIdentity& now, const Staging& staging, const Plan& plan, const Checked& checked) {
  if (auto same = same_run(earlier.run, now, staging.journal()); !same) return same;
  if (earlier.run.schedule != now.schedule || earlier.run.windows != now.windows)
    return damaged(staging.journal(), "the unfinished output was cut into other windows");
  return check_sizes(files, staging.folder(), plan, checked);
}

std::uint64_t take_over(const Journal& earlier, const Schedule& schedule, std::vector<bool>& done, std::vector<std::uint32_t>& checksums) {
  std::uint64_t bytes = 0;
  done.assign(schedule.windows(), false);
  for (const auto& [number, checksum] : earlier.windows) {
    if (done[number]) continue;
    done[number] = true;
    checksums[number] = checksum;
    const auto window = schedule.window(number);
    bytes += static_cast<std::uint64_t>(window.end - window.begin);
  }
  return bytes;
}

Error resumable(Error error, const Staging& staging, const Recovery& recovery) {
  const auto command = recovery.command.empty() ? std::string{"the same command with --resume"} : fmt::format("`{}`", recovery.command);
  if (error.kind == Error::Kind::cancelled) {
    error.file = staging.folder().string();
    error.problem = "stopped before the output was complete; what is done is kept there";
    error.remedy = fmt::format("To continue, run {}", command);
  } else {
    error.remedy += fmt::format("; what is done is kept, {} continues", command);
  }
  return error;
}

}  // namespace weighbridge
