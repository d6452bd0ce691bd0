#pragma once
// Makes the progress of a run survive the run: now and then it syncs what was written and notes it in the journal.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/journal.hpp"
#include "engine/run.hpp"
#include "engine/schedule.hpp"

namespace weighbridge {

class DurableProgress {
 public:
  // What it refers to outlives it. The journal is made with the first note, which syncs every file and folder of the output;
  // so a run that is over before costs nothing more.
  DurableProgress(Files& files, const Plan& plan, const Schedule& schedule, const std::filesystem::path& folder,
                  std::filesystem::path journal, const RunIdentity& run, const Recovery& recovery);

  // Continues a journal that was found.
  Status resume(const Journal& found);

  // From any thread: this window was written. Once there is enough, the calling thread makes it durable while others go on.
  Status add(const DoneWindow& window, const EncodingTotals& encoding);
  // Makes durable what is left. When no other thread is at work any more.
  Status finish();
  bool has_journal() const { return writer_.has_value(); }

 private:
  Status note(const std::vector<DoneWindow>& windows, const EncodingTotals& totals);
  bool is_due() const;

  Files& files_;
  const Plan& plan_;
  const Schedule& schedule_;
  const std::filesystem::path& folder_;
  std::filesystem::path path_;
  const RunIdentity& run_;
  const Recovery& recovery_;
  std::optional<JournalWriter> writer_;  // of the thread that notes

  mutable std::mutex mutex_;
  std::vector<DoneWindow> pending_;
  std::uint64_t pending_bytes_{};
  EncodingTotals totals_;
  std::chrono::steady_clock::time_point noted_{std::chrono::steady_clock::now()};
  bool noting_{};
  bool failed_{};  // a sync that failed once may succeed the next time without the data being there
};

}  // namespace weighbridge
