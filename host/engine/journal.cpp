#include "engine/journal.hpp"

#include <bit>
#include <cerrno>
#include <span>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "engine/direct_io.hpp"
#include "engine/memory.hpp"
#include "engine/records.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kMagic = "weighbridge journal 2";
constexpr std::string_view kAnew = "Run it without --resume to start anew";

std::string header_of(const RunIdentity& run) {
  RecordWriter record;
  record.add(kMagic);
  record.add(std::string_view{run.maker});
  for (const auto number : {run.plan, run.schedule, run.windows, run.capacity, run.window, run.block, run.max_memory, run.folder}) record.add(number);
  add_identities(record, run.sources);
  return record.framed();
}

std::optional<RunIdentity> parse_header(std::string_view bytes) {
  RecordReader record{bytes};
  if (record.text() != kMagic) return std::nullopt;
  RunIdentity run;
  run.maker = record.text();
  for (auto* number : {&run.plan, &run.schedule, &run.windows, &run.capacity, &run.window, &run.block, &run.max_memory, &run.folder}) *number = record.number64();
  run.sources = read_identities(record);
  if (!record.complete() || record.left() > 0) return std::nullopt;
  if (run.window < 8 || run.window > run.capacity || run.capacity > std::uint64_t{1} << 40 || run.block > kUsualBlock || run.block % kDirectAlignment != 0)
    return std::nullopt;  // no run has such windows
  return run;
}

// False if it is not a record of windows of this run.
bool parse_windows(std::string_view bytes, Journal& journal) {
  RecordReader record{bytes};
  const auto kept = record.number64(), made = record.number64();
  const auto largest = std::bit_cast<double>(record.number64());
  const auto count = record.number64();
  if (!record.complete() || count != record.left() / 12 || record.left() % 12 != 0) return false;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto number = record.number64();
    const auto checksum = record.number32();
    if (number >= journal.run.windows) return false;
    journal.windows.push_back({number, checksum});
  }
  journal.encoding = {kept, made, largest};
  return true;
}

std::string windows_record(const std::vector<DoneWindow>& windows, const EncodingTotals& totals) {
  RecordWriter record;
  record.add(totals.blocks_kept);
  record.add(totals.blocks_new);
  record.add(std::bit_cast<std::uint64_t>(totals.largest_error));
  record.add(std::uint64_t{windows.size()});
  for (const auto& window : windows) {
    record.add(window.number);
    record.add(window.checksum);
  }
  return record.framed();
}

Error other(const std::filesystem::path& file, std::string problem) {
  return {Error::Kind::mismatch, file.string(), "--resume", std::move(problem), std::string{kAnew}};
}

}  // namespace

void add_identities(RecordWriter& record, const std::vector<FileIdentity>& identities) {
  record.add(std::uint64_t{identities.size()});
  for (const auto& identity : identities) {
    record.add(std::string_view{identity.path.native()});
    record.add(identity.size);
    record.add(static_cast<std::uint64_t>(identity.modified));
    record.add(identity.inode);
  }
}

std::vector<FileIdentity> read_identities(RecordReader& record) {
  std::vector<FileIdentity> identities;
  for (auto count = record.number64(); count > 0 && record.complete(); --count) {
    FileIdentity identity;
    identity.path = record.text();
    identity.size = record.number64();
    identity.modified = static_cast<std::int64_t>(record.number64());
    identity.inode = record.number64();
    identities.push_back(std::move(identity));
  }
  return identities;
}

Result<std::optional<Journal>> read_journal(Files& files, const std::filesystem::path& path) {
  const auto found = read_records(files, path);
  if (!found) return found.error();
  if (found->records.empty()) return std::optional<Journal>{};
  auto run = parse_header(found->records.front());
  if (!run) return std::optional<Journal>{};
  Journal journal{*std::move(run), {}, {}, found->end};
  for (std::size_t i = 1; i < found->records.size(); ++i)
    if (!parse_windows(found->records[i], journal)) return std::optional<Journal>{};
  return std::optional{std::move(journal)};
}

Status same_run(const RunIdentity& before, const RunIdentity& now, const std::filesystem::path& journal) {
  if (before.maker != now.maker)
    return other(journal, fmt::format("the unfinished output was begun by {} and this is {}", before.maker, now.maker));
  const bool same_files = before.sources.size() == now.sources.size();
  for (std::size_t i = 0; same_files && i < now.sources.size(); ++i) {
    if (before.sources[i].same(now.sources[i])) continue;
    const auto &old = before.sources[i], &current = now.sources[i];
    const auto what = old.path.filename() != current.path.filename() ? fmt::format("the unfinished output was begun from {}", old.path.string())
                      : old.size != current.size ? fmt::format("the source had {} bytes when the output was begun and has {}", old.size, current.size)
                      : old.modified != current.modified ? std::string{"the source was changed after the output was begun"}
                                                         : std::string{"the source is another file than when the output was begun"};
    return other(current.path, what);
  }
  if (!same_files || before.plan != now.plan)
    return other(journal, "the unfinished output was begun with other options, another source or another version of the plugin");
  return done();
}

JournalWriter::JournalWriter(Files& files, std::filesystem::path path, Descriptor opened, std::uint64_t end)
    : files_{&files}, path_{std::move(path)}, opened_{std::move(opened)}, end_{end} {}

Result<JournalWriter> JournalWriter::create(Files& files, const std::filesystem::path& path, const RunIdentity& run) {
  auto opened = open_file(files, path, O_RDWR | O_CREAT | O_TRUNC);
  if (!opened) return opened.error();
  JournalWriter writer{files, path, std::move(*opened), 0};
  if (auto put = writer.put(header_of(run)); !put) return std::move(put).error();
  if (auto synced = sync_folder(files, path.parent_path()); !synced) return std::move(synced).error();
  return writer;
}

Result<JournalWriter> JournalWriter::resume(Files& files, const std::filesystem::path& path, std::uint64_t end) {
  auto opened = open_file(files, path, O_RDWR);
  if (!opened) return opened.error();
  // What is left of a torn record must not follow a shorter new one.
  int cut = files.ftruncate(opened->number(), static_cast<std::int64_t>(end));
  while (cut < 0 && errno == EINTR) cut = files.ftruncate(opened->number(), static_cast<std::int64_t>(end));
  if (cut < 0) return refused(errno, path, "", "cut off its torn end");
  return JournalWriter{files, path, std::move(*opened), end};
}

Status JournalWriter::append(const std::vector<DoneWindow>& windows, const EncodingTotals& totals) {
  return put(windows_record(windows, totals));
}

Status JournalWriter::put(const std::string& bytes) {
  if (auto written = write_exactly(*files_, opened_.number(), end_, std::as_bytes(std::span{bytes}), path_, ""); !written) return written;
  int synced = files_->fsync(opened_.number());
  while (synced < 0 && errno == EINTR) synced = files_->fsync(opened_.number());
  if (synced < 0) return refused(errno, path_, "", "sync it to the disk");
  end_ += bytes.size();
  return done();
}

}  // namespace weighbridge
