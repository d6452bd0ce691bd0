#include "engine/run.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/crc_combination.hpp"
#include "engine/durable_progress.hpp"
#include "engine/files.hpp"
#include "engine/finished.hpp"
#include "engine/memory.hpp"
#include "engine/order.hpp"
#include "engine/output_files.hpp"
#include "engine/preflight.hpp"
#include "engine/progress_meter.hpp"
#include "engine/resumption.hpp"
#include "engine/staging.hpp"
#include "engine/stopped.hpp"
#include "engine/team.hpp"
#include "engine/worker.hpp"
#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

std::vector<std::filesystem::path> sources_of(const Plan& plan) {
  auto sources = plan.sources;
  for (const auto& file : plan.carried) sources.push_back(file.source);
  return sources;
}

std::vector<bool> checksummed_tensors(const Plan& plan) {
  std::vector<bool> wanted(plan.tensors.size());
  for (const auto& literal : plan.literals)
    for (const auto& slot : literal.checksums) wanted[slot.tensor] = true;
  return wanted;
}

// Per tensor, from those of its windows.
std::vector<std::uint32_t> tensor_checksums(const Schedule& schedule, const std::vector<bool>& wanted,
                                            const std::vector<std::uint32_t>& windows) {
  std::vector<std::uint32_t> checksums(wanted.size());
  for (std::size_t tensor = 0; tensor < wanted.size(); ++tensor) {
    if (!wanted[tensor]) continue;
    const auto [first, last] = schedule.of_tensor(tensor);
    for (auto number = first; number < last; ++number) {
      const auto window = schedule.window(number);
      checksums[tensor] =
          combined_crc32(checksums[tensor], windows[number], static_cast<std::uint64_t>(window.end - window.begin));
    }
  }
  return checksums;
}

// Runs the workers to their end, the first of them in this thread.
Status run_workers(Job& job, std::vector<Worker>& workers, Team& team) {
  {
    std::vector<std::jthread> threads;
    threads.reserve(workers.size());
    try {
      for (std::size_t i = 1; i < workers.size(); ++i) threads.emplace_back([&worker = workers[i]] { worker.work(); });
    } catch (const std::system_error& error) {
      job.failure.set({Error::Kind::io, "", "--threads",
                       fmt::format("the system gives no more threads: {}", error.code().message()),
                       "Use fewer with --threads"});
    }
    workers.front().work(&team);
  }
  if (auto failure = job.failure.get()) return std::move(*failure);
  if (job.options.stop.stop_requested()) return stopped_error();
  return done();
}

// Everyone's buffers the same, so that all cut the work into the same windows.
Status settle(Budget& budget, Team& team) {
  std::array<std::uint64_t, 6> sizes{budget.threads, budget.capacity, budget.window, budget.scratch, budget.bounce, budget.block};
  if (auto status = team.least(sizes); !status) return status;
  budget.threads = static_cast<unsigned>(sizes[0]);
  budget.capacity = sizes[1];
  budget.window = sizes[2];
  budget.scratch = sizes[3];
  budget.bounce = sizes[4];
  budget.block = sizes[5];
  return done();
}

// That all have made the same plan: processes may see different files under one name.
Status same_plan(const Plan& plan, const Schedule& schedule, Team& team) {
  if (team.size() == 1) return done();
  std::uint32_t digest = 0;
  const auto add = [&](std::uint64_t value) { digest = crc32({reinterpret_cast<const char*>(&value), sizeof value}, digest); };
  add(schedule.windows());
  for (const auto& file : plan.files) add(file.size);
  for (const auto& tensor : plan.tensors) add(tensor.offset), add(tensor.bytes), add(tensor.copies.size());
  for (const auto& literal : plan.literals) digest = crc32(literal.bytes.text(), digest);
  std::array<std::uint64_t, 2> range{digest, ~std::uint64_t{digest}};
  if (auto status = team.least(range); !status) return status;
  if (range[0] == digest && range[1] == ~std::uint64_t{digest}) return done();
  return Error{Error::Kind::mismatch, "", "the processes", "have made different plans: they do not see the same files",
               "Run them where all see the same source and the same program"};
}

// The first of `count` groups that process `rank` of `size` fills.
std::uint64_t share_begin(std::uint64_t count, std::uint64_t rank, std::uint64_t size) {
  return count / size * rank + std::min(rank, count % size);
}

// The files that groups [first, last) write to.
std::set<std::uint32_t> written_files(const Plan& plan, const Schedule& schedule, const Order& order, std::uint64_t first, std::uint64_t last) {
  std::set<std::uint32_t> files;
  std::vector<std::uint64_t> windows;
  for (auto group = first; group < last; ++group) {
    order.group(group, windows);
    for (const auto number : windows) files.insert(plan.tensors[schedule.window(number).tensor].file);
  }
  return files;
}

std::vector<FileReport> file_reports(const Plan& plan, const std::vector<std::uint64_t>& carried_sizes) {
  std::vector<FileReport> reports;
  for (const auto& file : plan.files) reports.push_back({file.path, file.size, false});
  for (std::size_t i = 0; i < plan.carried.size(); ++i)
    reports.push_back({plan.carried[i].path, carried_sizes[i], true});
  return reports;
}

RunReport nothing_to_do(const Plan& plan, const Checked& checked, const Budget& budget) {
  RunReport report;
  report.already_done = true;
  report.peak_resident = resident_peak();
  report.threads = budget.threads;
  report.files = file_reports(plan, checked.carried_sizes);
  return report;
}

}  // namespace

Result<RunReport> run(const Plan& plan, const std::filesystem::path& destination, const RunOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  auto& files = options.files != nullptr ? *options.files : real_files();
  auto& team = options.team != nullptr ? *options.team : alone();
  // What one process finds wrong all must know before they wait for each other again.
  const auto agree = [&](const auto& result) { return team.agree(result ? done() : Status{result.error()}); };

  const auto& recovery = options.recovery;
  const bool recovers = recovery.keep && team.size() == 1;
  if (recovery.resume && team.size() > 1)
    return Error{Error::Kind::usage, "", "--resume", "several processes together cannot continue an unfinished output",
                 "Run one process, or leave --resume out to start anew"};

  auto budget = share_out(options, resident_now());
  if (auto agreed = agree(budget); !agreed) return agreed.error();
  if (auto settled = settle(*budget, team); !settled) return settled.error();

  // The first process makes everything that is not a tensor's bytes.
  std::unique_ptr<Staging> staging;
  const auto claim = [&]() -> Status {
    if (!team.leads()) return done();
    const auto resolved = resolve_destination(files, destination, sources_of(plan));
    if (!resolved) return resolved.error();
    auto claimed = Staging::claim(files, *resolved);
    if (!claimed) return claimed.error();
    staging = std::move(*claimed);
    return done();
  };
  if (auto claimed = team.agree(claim()); !claimed) return claimed.error();

  std::optional<Journal> earlier;
  if (recovers) {
    auto found = find_earlier(files, *staging, options);
    if (!found) return found.error();
    earlier = *std::move(found);
  }
  if (earlier)
    if (auto adopted = adopt_windows(*budget, earlier->run, options); !adopted) return adopted.error();
  const auto checked = check_plan(plan, files, *budget);
  if (auto agreed = agree(checked); !agreed) return agreed.error();
  const auto& schedule = checked->schedule;
  if (auto same = team.agree(same_plan(plan, schedule, team)); !same) return same.error();

  RunIdentity identity;
  if (recovers) {
    auto identified = identity_of(files, plan, schedule, *budget, options);
    if (!identified) return identified.error();
    identity = *std::move(identified);
    const auto finished = options.overwrite && !recovery.resume ? Result<bool>{false} : is_finished(files, staging->record(), staging->destination(), plan, identity);
    if (!finished) return finished.error();
    if (*finished) {
      if (auto tidied = staging->tidy(); !tidied) return tidied.error();
      return nothing_to_do(plan, *checked, *budget);
    }
  }
  if (earlier)
    if (auto fits = check_earlier(files, *earlier, identity, *staging, plan, *checked); !fits) return fits.error();

  std::string place;
  const auto begin = [&]() -> Status {
    if (!team.leads()) return done();
    place = staging->folder().string();
    if (earlier) return staging->resume(options.overwrite);
    const auto leftover = staging->has_leftover();
    if (!leftover) return leftover.error();
    if (auto made = staging->start(options.overwrite); !made) return made;
    if (*leftover && !recovery.resume && options.tell)
      options.tell("What an interrupted run had done was removed and this one starts anew; --resume would have continued it");
    return check_free_space(files, staging->folder(), checked->output_bytes, plan.files.size() + plan.carried.size());
  };
  if (auto begun = team.agree(begin()); !begun) return begun.error();
  if (auto shared = team.share(place); !shared) return shared.error();
  const std::filesystem::path folder{place};

  const auto wanted = checksummed_tensors(plan);
  std::vector<std::uint32_t> window_checksums(schedule.windows());
  const auto rank = static_cast<std::uint64_t>(team.rank()), size = static_cast<std::uint64_t>(team.size());
  const auto order = Order::of(plan, schedule);
  const auto first = share_begin(order.groups(), rank, size), last = share_begin(order.groups(), rank + 1, size);
  ProgressMeter progress{options.progress, checked->output_bytes / size};
  Job job{plan, schedule, folder, options, files, progress, wanted, window_checksums, order, last, first};
  std::optional<DurableProgress> durable;
  std::vector<bool> done_before;
  RunReport report;
  if (recovers) {
    const auto made = identify(files, folder);
    if (!made) return made.error();
    identity.folder = made->inode;
    durable.emplace(files, plan, schedule, folder, staging->journal(), identity, recovery);
    job.durable = &*durable;
  }
  if (earlier) {
    staging->keep();
    if (auto resumed = durable->resume(*earlier); !resumed) return resumed.error();
    report.bytes_resumed = take_over(*earlier, schedule, done_before, window_checksums);
    for (const auto carried : checked->carried_sizes) report.bytes_resumed += carried;
    report.encoding = earlier->encoding;
    job.done = &done_before;
    progress.add(report.bytes_resumed, "");
  }
  // What is on the disk for good is worth keeping; what an error of the disk left unsure is not in the journal.
  const auto given_up = [&](Error error) {
    if (!durable || (error.kind != Error::Kind::cancelled && error.kind != Error::Kind::io && !earlier)) return error;
    if (error.kind == Error::Kind::cancelled) static_cast<void>(durable->finish());
    if (!durable->has_journal()) return error;
    staging->keep();
    return resumable(std::move(error), *staging, recovery);
  };
  std::vector<Worker> workers;
  const auto prepare = [&]() -> Status {
    while (workers.size() < budget->threads) {
      auto worker = Worker::make(job, *budget);
      if (!worker) return worker.error();
      workers.push_back(std::move(*worker));
    }
    if (!team.leads() || earlier) return done();
    if (auto made = make_files(files, plan, folder); !made) return made;
    return carry_files(files, plan, checked->carried_sizes, folder, workers.front().buffer(), options.stop, progress);
  };
  if (auto prepared = team.agree(prepare()); !prepared) return prepared.error();

  auto worked = run_workers(job, workers, team);
  if (worked && !team.leads()) worked = sync_tensors(files, plan, written_files(plan, schedule, order, first, last), folder, options.stop);
  if (!worked) team.give_up();
  if (auto agreed = team.agree(worked); !agreed) return given_up(agreed.error());
  if (auto summed = team.sum(std::span{window_checksums}); !summed) return summed.error();

  const auto complete = [&]() -> Status {
    if (!team.leads()) return done();
    const auto checksums = tensor_checksums(schedule, wanted, window_checksums);
    if (auto written = write_literals(files, plan, checksums, folder, options.stop, progress); !written) return written;
    if (auto synced = sync_all(files, plan, folder, options.stop); !synced) return synced;
    if (recovers)
      if (auto noted = write_finished(files, staging->record(), folder, plan, identity); !noted) return noted;
    return staging->publish(report.warnings);
  };
  if (auto completed = team.agree(complete()); !completed) return given_up(completed.error());
  progress.finish();
  for (const auto& worker : workers) report.encoding.add(worker.encoding_totals());
  std::array<std::uint64_t, 3> totals{job.bytes_read.load(), report.encoding.blocks_kept, report.encoding.blocks_new};
  if (auto summed = team.sum(std::span{totals}); !summed) return summed.error();
  std::array<std::uint64_t, 1> peak{~resident_peak()};
  if (auto least = team.least(peak); !least) return least.error();
  report.encoding.blocks_kept = totals[1];
  report.encoding.blocks_new = totals[2];
  report.bytes_written = checked->output_bytes;
  report.bytes_read = totals[0];
  if (!earlier)
    for (const auto carried : checked->carried_sizes) report.bytes_read += carried;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  report.peak_resident = ~peak[0];
  report.threads = budget->threads;
  report.processes = static_cast<unsigned>(size);
  report.buffer_bytes = budget->threads * (budget->bounce + budget->block + budget->capacity + budget->scratch);
  report.files = file_reports(plan, checked->carried_sizes);
  return report;
}

}  // namespace weighbridge
