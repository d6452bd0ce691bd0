#include "archive/unpack.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>

#include "formats/archive_index.hpp"
#include "formats/piece_decoder.hpp"
#include "archive/workers.hpp"
#include "engine/memory.hpp"
#include "engine/open_files.hpp"
#include "engine/output_files.hpp"
#include "engine/progress_meter.hpp"
#include "engine/staging.hpp"

namespace weighbridge {
namespace {

// What is made of an index takes several times its bytes, most where it names many small files.
constexpr std::uint64_t kIndexShare = 12;

// What one thread has of its own.
struct Unpacker {
  PieceDecoder decoder;
  OpenFiles outputs;
};

// The files as the engine makes and syncs them.
Plan outputs_of(const ArchiveIndex& index) {
  Plan plan;
  for (const auto& file : index.files) plan.files.push_back({file.path, file.size});
  return plan;
}

// An archive in the folder that is replaced would be gone before its end.
Status check_apart(Files& files, const std::filesystem::path& archive, const std::filesystem::path& destination) {
  const auto place = files.canonical(archive);
  if (place.empty()) return refused(errno, archive, "", "find it");
  const auto relative = place.lexically_relative(destination);
  if (relative.empty() || *relative.begin() == "..") return done();
  return Error{Error::Kind::usage, destination.string(), "", "the destination holds the archive " + archive.string(),
               "Name a folder elsewhere"};
}

// Folders that hold no file, or only folders; make_files has made the others.
Status make_folders(Files& files, const ArchiveIndex& index, const std::filesystem::path& folder) {
  for (const auto& name : index.folders)
    if (files.mkdir(folder / name) < 0 && errno != EEXIST) return refused(errno, folder / name, "", "make this folder");
  return done();
}

// The offset of every piece in its file, and the number of that file.
struct Place {
  std::uint64_t offset{};
  std::uint64_t file{};
};

std::vector<Place> places_of(const ArchiveIndex& index) {
  std::vector<Place> places;
  places.reserve(index.pieces.size());
  for (std::uint64_t file = 0; file < index.files.size(); ++file) {
    std::uint64_t offset = 0;
    for (std::uint64_t i = 0; i < index.files[file].pieces; ++i) {
      const auto& piece = index.pieces[index.files[file].first_piece + i];
      places.push_back({offset, file});
      offset += piece.size;
    }
  }
  return places;
}

}  // namespace

Result<UnpackReport> unpack(const std::filesystem::path& archive, const std::filesystem::path& destination,
                            const RunOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  auto& files = options.files != nullptr ? *options.files : real_files();
  const auto input = InputFile::open(archive);
  if (!input) return input.error();
  const auto index = read_archive_index(*input, options.max_memory / kIndexShare);
  if (!index) return index.error();
  const auto resolved = resolve_destination(files, destination, {});
  if (!resolved) return resolved.error();
  if (auto apart = check_apart(files, archive, *resolved); !apart) return apart.error();
  const auto places = places_of(*index);
  const auto plan = outputs_of(*index);
  const auto threads = fitting_workers(options, PieceDecoder::kMemory);
  if (!threads) return threads.error();

  auto staging = Staging::begin(files, *resolved, options.overwrite);
  if (!staging) return std::move(staging).error();
  const auto& folder = (*staging)->folder();
  if (auto space = check_free_space(files, folder, index->bytes(), index->files.size()); !space) return space.error();
  if (auto made = make_files(files, plan, folder); !made) return made.error();
  if (auto made = make_folders(files, *index, folder); !made) return made.error();
  std::vector<Unpacker> unpackers;
  while (unpackers.size() < *threads) {
    auto decoder = PieceDecoder::make();
    if (!decoder) return std::move(decoder).error();
    unpackers.push_back({*std::move(decoder), OpenFiles{files}});
  }
  ProgressMeter progress{options.progress, index->bytes()};
  auto worked =
      work_off(index->pieces.size(), *threads, options.stop, [&](unsigned thread, std::uint64_t number) -> Status {
        auto& unpacker = unpackers[thread];
        const auto& place = places[number];
        const auto& file = index->files[place.file];
        const auto bytes = unpacker.decoder.decode(*input, index->pieces[number], file.path);
        if (!bytes) return bytes.error();
        const auto path = folder / file.path;
        const auto output = unpacker.outputs.get(path, O_WRONLY | O_NOFOLLOW);
        if (!output) return output.error();
        if (auto written = write_exactly(files, *output, place.offset, std::as_bytes(*bytes), path, ""); !written)
          return written;
        progress.add(bytes->size(), file.path);
        return done();
      });
  if (!worked) return std::move(worked).error();
  for (auto inner = index->folders.rbegin(); inner != index->folders.rend(); ++inner)
    if (auto synced = sync_folder(files, folder / *inner); !synced) return synced.error();
  if (auto synced = sync_all(files, plan, folder, options.stop); !synced) return synced.error();

  UnpackReport report;
  if (auto published = (*staging)->publish(report.warnings); !published) return published.error();
  progress.finish();
  report.files = index->files.size();
  report.folders = index->folders.size();
  report.pieces = index->pieces.size();
  report.bytes_read = input->size();
  report.bytes_written = index->bytes();
  report.threads = *threads;
  report.peak_resident = resident_peak();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return report;
}

}  // namespace weighbridge
