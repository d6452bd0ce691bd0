#include "engine/run.hpp"

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "engine/crc_combination.hpp"
#include "engine/files.hpp"
#include "engine/memory.hpp"
#include "engine/output_files.hpp"
#include "engine/preflight.hpp"
#include "engine/progress_meter.hpp"
#include "engine/staging.hpp"
#include "engine/stopped.hpp"
#include "engine/worker.hpp"

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
Status run_workers(Job& job, std::vector<Worker>& workers) {
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
    workers.front().work();
  }
  if (auto failure = job.failure.get()) return std::move(*failure);
  if (job.options.stop.stop_requested()) return stopped_error();
  return done();
}

std::vector<FileReport> file_reports(const Plan& plan, const std::vector<std::uint64_t>& carried_sizes) {
  std::vector<FileReport> reports;
  for (const auto& file : plan.files) reports.push_back({file.path, file.size, false});
  for (std::size_t i = 0; i < plan.carried.size(); ++i)
    reports.push_back({plan.carried[i].path, carried_sizes[i], true});
  return reports;
}

}  // namespace

Result<RunReport> run(const Plan& plan, const std::filesystem::path& destination, const RunOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  auto& files = options.files != nullptr ? *options.files : real_files();

  const auto budget = share_out(options, resident_now());
  if (!budget) return budget.error();
  const auto checked = check_plan(plan, files, *budget);
  if (!checked) return checked.error();
  const auto resolved = resolve_destination(files, destination, sources_of(plan));
  if (!resolved) return resolved.error();
  const auto staging = Staging::begin(files, *resolved, options.overwrite);
  if (!staging) return staging.error();
  const auto& folder = (*staging)->folder();
  const auto count = plan.files.size() + plan.carried.size();
  if (auto enough = check_free_space(files, folder, checked->output_bytes, count); !enough) return enough.error();

  const auto& schedule = checked->schedule;
  const auto wanted = checksummed_tensors(plan);
  std::vector<std::uint32_t> window_checksums(schedule.windows());
  ProgressMeter progress{options.progress, checked->output_bytes};
  Job job{plan, schedule, folder, options, files, progress, wanted, window_checksums};
  std::vector<Worker> workers;
  while (workers.size() < budget->threads) {
    auto worker = Worker::make(job, *budget);
    if (!worker) return worker.error();
    workers.push_back(std::move(*worker));
  }

  if (auto made = make_files(files, plan, folder); !made) return made.error();
  auto carried =
      carry_files(files, plan, checked->carried_sizes, folder, workers.front().buffer(), options.stop, progress);
  if (!carried) return carried.error();
  if (auto worked = run_workers(job, workers); !worked) return worked.error();
  const auto checksums = tensor_checksums(schedule, wanted, window_checksums);
  auto literals = write_literals(files, plan, checksums, folder, options.stop, progress);
  if (!literals) return literals.error();
  if (auto synced = sync_all(files, plan, folder, options.stop); !synced) return synced.error();

  RunReport report;
  if (auto published = (*staging)->publish(report.warnings); !published) return published.error();
  progress.finish();
  for (const auto& worker : workers) report.encoding.add(worker.encoding_totals());
  report.bytes_written = checked->output_bytes;
  report.bytes_read = job.bytes_read.load();
  for (const auto size : checked->carried_sizes) report.bytes_read += size;
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  report.peak_resident = resident_peak();
  report.threads = budget->threads;
  report.buffer_bytes = budget->threads * (budget->capacity + budget->scratch);
  report.files = file_reports(plan, checked->carried_sizes);
  return report;
}

}  // namespace weighbridge
