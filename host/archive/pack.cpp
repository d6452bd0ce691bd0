#include "archive/pack.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

#include <fcntl.h>

#include "formats/archive_index.hpp"
#include "archive/piece_encoder.hpp"
#include "archive/staged_file.hpp"
#include "archive/tensor_ranges.hpp"
#include "archive/workers.hpp"
#include "engine/memory.hpp"
#include "engine/open_files.hpp"
#include "engine/progress_meter.hpp"
#include "engine/staging.hpp"

namespace weighbridge {
namespace {

// A piece to be made.
struct Cut {
  std::uint64_t offset{};  // in its file
  std::uint32_t file{}, size{};
  std::uint8_t word{1};
  bool tensor{};
};

void cut(std::vector<Cut>& cuts, std::uint32_t file, std::uint64_t begin, std::uint64_t end, unsigned word,
         bool tensor) {
  for (; begin < end; begin += kLargestPiece) {
    const auto size = static_cast<std::uint32_t>(std::min(end - begin, kLargestPiece));
    cuts.push_back({begin, file, size, static_cast<std::uint8_t>(word), tensor});
  }
}

// Every tensor begins a piece, so does what lies between tensors.
std::vector<Cut> cut_all(const FolderContent& content, const TensorRanges& tensors) {
  std::vector<Cut> cuts;
  for (std::uint32_t file = 0; file < content.files.size(); ++file) {
    std::uint64_t position = 0;
    for (const auto& range : tensors.of_file[file]) {
      cut(cuts, file, position, range.begin, 1, false);
      cut(cuts, file, range.begin, range.end, range.width, true);
      position = range.end;
    }
    cut(cuts, file, position, content.files[file].size, 1, false);
  }
  return cuts;
}

// Gives frames their place in the archive in the order of their numbers, whichever is ready first.
class Order {
 public:
  explicit Order(std::uint64_t begin) : end_{begin} {}

  // The offset of frame `number`, once all before it have theirs; the first error if one of them never will.
  Result<std::uint64_t> place(std::uint64_t number, std::uint64_t bytes) {
    std::unique_lock lock{mutex_};
    turn_.wait(lock, [&] { return next_ == number || failure_; });
    if (failure_) return *failure_;
    ++next_;
    turn_.notify_all();
    return std::exchange(end_, end_ + bytes);
  }
  void give_up(const Error& error) {
    const std::lock_guard lock{mutex_};
    if (!failure_) failure_ = error;
    turn_.notify_all();
  }
  std::uint64_t end() const { return end_; }  // when all have been placed

 private:
  std::mutex mutex_;
  std::condition_variable turn_;
  std::uint64_t next_{}, end_;
  std::optional<Error> failure_;
};

// What one thread has of its own.
struct Packer {
  PieceEncoder encoder;
  OpenFiles inputs;
};

// Everything that a run needs and its workers share.
struct Packing {
  const FolderContent& content;
  const std::vector<Cut>& cuts;
  StagedFile& archive;
  ProgressMeter& progress;
  std::vector<ArchivePiece>& pieces;  // one for every cut
  Files& files;
  Order order{kArchiveHeader};

  Status pack_piece(Packer& packer, std::uint64_t number) {
    const auto& cut = cuts[number];
    const auto& file = content.files[cut.file];
    const auto input = packer.inputs.get(file.source, O_RDONLY);
    if (!input) return input.error();
    const auto bytes = packer.encoder.piece(cut.size);
    if (auto read = read_exactly(files, *input, cut.offset, std::as_writable_bytes(bytes), file.source, ""); !read)
      return read;
    const auto encoded = packer.encoder.encode(cut.size, cut.word);
    if (!encoded) return encoded.error();
    const auto offset = order.place(number, encoded->frame.size());
    if (!offset) return offset.error();
    pieces[number] = encoded->entry;
    pieces[number].offset = *offset;
    if (auto written = archive.write(*offset, encoded->frame); !written) return written;
    progress.add(cut.size, file.path);
    return done();
  }
};

ArchiveIndex index_of(const FolderContent& content, const std::vector<Cut>& cuts, std::vector<ArchivePiece> pieces) {
  ArchiveIndex index{content.folders, {}, std::move(pieces)};
  for (const auto& file : content.files) index.files.push_back({file.path, file.size, 0, 0});
  for (const auto& cut : cuts) ++index.files[cut.file].pieces;
  return index;
}

}  // namespace

Result<PackReport> pack(const std::filesystem::path& folder, const std::filesystem::path& archive,
                        const RunOptions& options, bool follow_links) {
  const auto started = std::chrono::steady_clock::now();
  auto& files = options.files != nullptr ? *options.files : real_files();
  auto content = list_folder(folder, follow_links);
  if (!content) return std::move(content).error();
  // Not the folder's files one by one: an archive beside a hub cache that links lead to does no harm.
  const auto destination = resolve_destination(files, archive, {folder / "."});
  if (!destination) return destination.error();
  auto tensors = find_tensors(folder, *content);
  const auto cuts = cut_all(*content, tensors);
  std::vector<ArchivePiece> pieces(cuts.size());
  const auto threads = fitting_workers(options, PieceEncoder::kMemory);
  if (!threads) return threads.error();

  auto staged = StagedFile::begin(files, *destination, options.overwrite);
  if (!staged) return std::move(staged).error();
  if (auto written = staged->write(0, archive_header()); !written) return written.error();
  std::vector<Packer> packers;
  while (packers.size() < *threads) {
    auto encoder = PieceEncoder::make();
    if (!encoder) return std::move(encoder).error();
    packers.push_back({*std::move(encoder), OpenFiles{files}});
  }
  PackReport report;
  for (const auto& file : content->files) report.bytes_read += file.size;
  ProgressMeter progress{options.progress, report.bytes_read};
  Packing packing{
      .content = *content, .cuts = cuts, .archive = *staged, .progress = progress, .pieces = pieces, .files = files};
  auto worked = work_off(cuts.size(), *threads, options.stop, [&](unsigned thread, std::uint64_t number) {
    auto packed = packing.pack_piece(packers[thread], number);
    if (!packed) packing.order.give_up(packed.error());
    return packed;
  });
  if (!worked) return std::move(worked).error();
  if (auto same = still_the_same(*content); !same) return same.error();

  for (std::size_t i = 0; i < cuts.size(); ++i) {
    if (!cuts[i].tensor) continue;
    report.tensor_bytes += pieces[i].size;
    report.tensor_stored += pieces[i].stored;
  }
  const auto tail = archive_tail(index_of(*content, cuts, std::move(pieces)));
  if (auto written = staged->write(packing.order.end(), tail); !written) return written.error();
  if (auto published = staged->publish(); !published) return published.error();
  progress.finish();
  report.files = content->files.size();
  report.folders = content->folders.size();
  report.pieces = cuts.size();
  report.bytes_written = packing.order.end() + tail.size();
  report.threads = *threads;
  report.left_out = std::move(content->left_out);
  report.notes = std::move(tensors.notes);
  report.peak_resident = resident_peak();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

}  // namespace weighbridge
