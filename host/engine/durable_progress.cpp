#include "engine/durable_progress.hpp"

#include <set>
#include <utility>

#include "engine/output_files.hpp"

namespace weighbridge {

DurableProgress::DurableProgress(Files& files, const Plan& plan, const Schedule& schedule, const std::filesystem::path& folder,
                                 std::filesystem::path journal, const RunIdentity& run, const Recovery& recovery)
    : files_{files}, plan_{plan}, schedule_{schedule}, folder_{folder}, path_{std::move(journal)}, run_{run}, recovery_{recovery} {}

Status DurableProgress::resume(const Journal& found) {
  auto writer = JournalWriter::resume(files_, path_, found.end);
  if (!writer) return std::move(writer).error();
  writer_ = std::move(*writer);
  totals_ = found.encoding;
  return done();
}

bool DurableProgress::is_due() const {
  return pending_bytes_ >= recovery_.bytes || std::chrono::steady_clock::now() - noted_ >= recovery_.pause;
}

Status DurableProgress::add(const DoneWindow& window, const EncodingTotals& encoding) {
  std::unique_lock lock{mutex_};
  const auto place = schedule_.window(window.number);
  pending_.push_back(window);
  pending_bytes_ += static_cast<std::uint64_t>(place.end - place.begin);
  totals_.add(encoding);
  if (noting_ || failed_ || !is_due()) return done();
  noting_ = true;
  const auto windows = std::exchange(pending_, {});
  pending_bytes_ = 0;
  const auto totals = totals_;
  lock.unlock();
  auto noted = note(windows, totals);
  lock.lock();
  noting_ = false;
  failed_ = failed_ || !noted;
  noted_ = std::chrono::steady_clock::now();
  return noted;
}

Status DurableProgress::finish() {
  if (pending_.empty() || failed_) return done();
  pending_bytes_ = 0;
  return note(std::exchange(pending_, {}), totals_);
}

// The windows first, then the word that they are there.
Status DurableProgress::note(const std::vector<DoneWindow>& windows, const EncodingTotals& totals) {
  if (!writer_) {
    if (auto synced = sync_all(files_, plan_, folder_, {}); !synced) return synced;
    auto writer = JournalWriter::create(files_, path_, run_);
    if (!writer) return std::move(writer).error();
    writer_ = std::move(*writer);
  } else {
    std::set<std::uint32_t> written;
    for (const auto& window : windows) written.insert(plan_.tensors[schedule_.window(window.number).tensor].file);
    for (const auto file : written)
      if (auto synced = sync_file(files_, folder_ / plan_.files[file].path); !synced) return synced;
  }
  return writer_->append(windows, totals);
}

}  // namespace weighbridge
