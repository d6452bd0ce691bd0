#pragma once
// What of an unfinished output is on the disk for good: a file beside the destination that a later run continues from.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/block_encoder.hpp"
#include "engine/files.hpp"
#include "engine/fingerprint.hpp"
#include "engine/memory.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// What a run was, as far as another one must be the same to continue it.
struct RunIdentity {
  std::string maker;  // program and version
  std::uint64_t plan{};
  std::vector<FileIdentity> sources;
  // How it cut its work: the windows that the journal numbers.
  std::uint64_t schedule{}, windows{};
  std::uint64_t capacity{}, window{}, block{}, max_memory{};
  std::uint64_t folder{};  // inode of the folder of the unfinished output
};

struct DoneWindow {
  std::uint64_t number{};
  std::uint32_t checksum{};  // 0 where nobody wants it
};

// A journal that was found.
struct Journal {
  RunIdentity run;
  std::vector<DoneWindow> windows;
  EncodingTotals encoding;  // of those windows
  std::uint64_t end{};      // where the next record goes
};

// Nothing if there is none, or none that can be made sense of.
Result<std::optional<Journal>> read_journal(Files& files, const std::filesystem::path& path);

// Done if `now` may continue what `before` began; else an error that names what differs. The schedule is not looked at.
Status same_run(const RunIdentity& before, const RunIdentity& now, const std::filesystem::path& journal);

// Appends records, each of which is on the disk when its call returns.
class JournalWriter {
 public:
  static Result<JournalWriter> create(Files& files, const std::filesystem::path& path, const RunIdentity& run);
  // Continues behind byte `end`.
  static Result<JournalWriter> resume(Files& files, const std::filesystem::path& path, std::uint64_t end);

  // `totals` are those of all windows of all records.
  Status append(const std::vector<DoneWindow>& windows, const EncodingTotals& totals);

 private:
  JournalWriter(Files& files, std::filesystem::path path, Descriptor opened, std::uint64_t end);
  Status put(const std::string& bytes);

  Files* files_;
  std::filesystem::path path_;
  Descriptor opened_;
  std::uint64_t end_;
};

// The file identities of a record.
class RecordWriter;
class RecordReader;
void add_identities(RecordWriter& record, const std::vector<FileIdentity>& identities);
std::vector<FileIdentity> read_identities(RecordReader& record);

}  // namespace weighbridge
