#pragma once
// Carries out a plan: streams every output in the order of its bytes, within a memory budget, and makes the whole
// destination folder appear at once or not at all.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/block_encoder.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

class Files;
class Team;

struct Progress {
  std::uint64_t bytes_done{};   // of the output, never decreasing
  std::uint64_t bytes_total{};  // known from the start; of a team, of this process's share
  std::string_view tensor;      // the output tensor last written, or a carried file; valid during the call only
};

// Called from any thread but from one at a time, at most ten times a second; the first call has bytes_done 0, the
// last (of a run that succeeds) bytes_total. Must not throw.
using ProgressSink = std::function<void(const Progress&)>;

// How a run cuts its work, in bytes. Zero means: chosen from the budget. None of it changes a byte of the output;
// tests set tiny values to reach every seam.
struct Tuning {
  std::uint64_t window{};       // output bytes that are assembled and written at once
  std::uint64_t scratch{};      // source bytes that are held while their elements are rearranged
  std::uint64_t run{64 << 10};  // source runs of at least this length are read straight into the window
  std::uint64_t gap{8 << 10};   // source gaps of at most this length are read over rather than skipped
  std::uint64_t direct{256 << 10};  // longer transfers go around the page cache; 0: none do
};

// What becomes of the work of a run that does not reach its end, and of one that did. Not of a team.
struct Recovery {
  // An interrupted run leaves what it has, with a journal of it beside the destination, `.NAME.weighbridge-journal`; a
  // finished one leaves a record of what made the output, `.NAME.weighbridge-done`, and the same run again does nothing.
  bool keep{};
  bool resume{};                         // continue what an interrupted run left, if there is something
  std::string maker;                     // program and version; another one's work is not continued
  std::string command;                   // that continues this run, for messages; may be empty
  std::uint64_t bytes{256 << 20};        // what was written is made durable and noted after so many bytes,
  std::chrono::milliseconds pause{2000};  // or after so long
};

struct RunOptions {
  unsigned threads{};                   // 0: as many as the machine has, at most 8
  std::uint64_t max_memory{256 << 20};  // bytes that the process may keep resident, its program and plan included
  bool overwrite{};                     // replace a destination that exists
  ProgressSink progress;                // may be empty
  Recovery recovery;
  std::function<void(const std::string&)> tell;  // a line for people, while it runs; may be empty
  std::stop_token stop;                 // asked before every read and write
  Tuning tuning;
  Files* files{};  // the file system; null: the real one
  Team* team{};    // the processes that share the run; null: this one alone
};

struct FileReport {
  std::filesystem::path path;  // relative to the destination
  std::uint64_t bytes{};
  bool carried{};
};

struct RunReport {
  std::uint64_t bytes_read{};
  std::uint64_t bytes_written{};
  std::uint64_t bytes_resumed{};      // of those written: by the interrupted run that this one continued
  bool already_done{};                // nothing was done: the destination is what this very run would make
  double seconds{};
  std::uint64_t peak_resident{};      // bytes, the whole process from its start to now; of a team the largest
  unsigned threads{};                 // that worked in each process
  unsigned processes{1};
  std::uint64_t buffer_bytes{};       // of all workers of a process together
  std::vector<FileReport> files;      // in the plan's order: made, then carried
  EncodingTotals encoding;            // of block-scaled outputs
  std::vector<std::string> warnings;  // the output is complete; something beside it needs a look
};

// Makes `destination` (and missing parents) as the plan says. Everything is first written to a hidden folder beside
// it, `.NAME.weighbridge-partial`, checksummed and synced, then renamed; whenever this returns an error that folder is
// gone (unless it is kept to be resumed, which the error says) and the destination is as it was. A destination that exists and is not empty is refused unless
// options.overwrite, and then replaced only by a complete new one. A destination that is, contains or lies in the
// folder of a source is refused. Two runs towards one destination: the second is refused.
// The plan is checked against the sources' sizes before anything is made. Same plan, same bytes for any options.
// With a team every process calls this with the same plan and destination on a file system that all see; an error of one
// is what all return.
Result<RunReport> run(const Plan& plan, const std::filesystem::path& destination, const RunOptions& options);

}  // namespace weighbridge
