#include "formats/packed_folder.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/piece_decoder.hpp"

namespace weighbridge {
namespace {

// What one thread decoded last.
struct LastPiece {
  std::optional<PieceDecoder> decoder;
  std::uint64_t archive{}, piece{};
  std::span<const char> bytes;  // empty: none
};

LastPiece& last_piece() {
  thread_local LastPiece last;
  return last;
}

std::atomic<std::uint64_t>& opened() {
  static std::atomic<std::uint64_t> count{0};
  return count;
}

// The archives that were opened last, so that a checkpoint's files do not each read the index again.
class OpenArchives {
 public:
  Result<std::shared_ptr<const PackedFolder>> get(const std::filesystem::path& path, const struct ::stat& status) {
    const std::lock_guard lock{mutex_};
    for (const auto& one : known_)
      if (one.device == status.st_dev && one.inode == status.st_ino && one.size == status.st_size &&
          one.seconds == status.st_mtim.tv_sec && one.nanoseconds == status.st_mtim.tv_nsec)
        return one.folder;
    auto folder = PackedFolder::open(path);
    if (!folder) return folder;
    if (known_.size() == kMost) known_.erase(known_.begin());
    known_.push_back({status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, *folder});
    return folder;
  }

 private:
  static constexpr std::size_t kMost = 4;
  struct Known {
    dev_t device;
    ino_t inode;
    off_t size;
    time_t seconds;
    long nanoseconds;
    std::shared_ptr<const PackedFolder> folder;
  };
  std::mutex mutex_;
  std::vector<Known> known_;
};

OpenArchives& open_archives() {
  static OpenArchives archives;
  return archives;
}

bool begins_as_archive(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return false;
  const auto begin = archive_header().substr(0, 8);
  char found[8];
  const bool same = ::pread(descriptor, found, sizeof found, 0) == sizeof found && std::memcmp(found, begin.data(), sizeof found) == 0;
  ::close(descriptor);
  return same;
}

struct Found {
  std::filesystem::path archive;
  struct ::stat status;
};

// The part of the path that is a regular file and begins as an archive.
std::optional<Found> archive_in(const std::filesystem::path& path) {
  for (auto at = path; !at.empty(); at = at.parent_path()) {
    Found found{at, {}};
    if (::stat(at.c_str(), &found.status) == 0) {
      if (!S_ISREG(found.status.st_mode) || !begins_as_archive(at)) return std::nullopt;
      return found;
    }
    if (errno != ENOTDIR || at == at.parent_path()) return std::nullopt;  // only a file in the way may be an archive
  }
  return std::nullopt;
}

}  // namespace

PackedFolder::PackedFolder(InputFile archive, ArchiveIndex index)
    : archive_{std::move(archive)}, index_{std::move(index)}, number_{++opened()} {
  begins_.reserve(index_.pieces.size());
  for (const auto& file : index_.files) {
    std::uint64_t begin = 0;
    for (std::uint64_t i = 0; i < file.pieces; ++i) {
      begins_.push_back(begin);
      begin += index_.pieces[file.first_piece + i].size;
    }
  }
}

Result<std::shared_ptr<const PackedFolder>> PackedFolder::open(const std::filesystem::path& archive) {
  auto input = InputFile::open(archive);
  if (!input) return std::move(input).error();
  auto index = read_archive_index(*input, kLargestReadIndex);
  if (!index) return std::move(index).error();
  return std::shared_ptr<const PackedFolder>{new PackedFolder{*std::move(input), *std::move(index)}};
}

const ArchiveFile* PackedFolder::file(std::string_view path) const {
  const auto found = std::ranges::lower_bound(index_.files, path, {}, &ArchiveFile::path);
  return found != index_.files.end() && found->path == path ? &*found : nullptr;
}

bool PackedFolder::has_folder(std::string_view path) const {
  return path.empty() || std::ranges::binary_search(index_.folders, path);
}

std::vector<std::pair<std::string, bool>> PackedFolder::list(std::string_view folder) const {
  const auto prefix = folder.empty() ? std::string{} : std::string{folder} + "/";
  std::vector<std::pair<std::string, bool>> entries;
  const auto add = [&](const std::string& path, bool is_folder) {
    if (path.starts_with(prefix) && path.find('/', prefix.size()) == std::string::npos) entries.emplace_back(path.substr(prefix.size()), is_folder);
  };
  for (const auto& path : index_.folders) add(path, true);
  for (const auto& file : index_.files) add(file.path, false);
  std::ranges::sort(entries);
  return entries;
}

Status PackedFolder::read(const ArchiveFile& file, std::uint64_t offset, std::span<char> into) const {
  auto& last = last_piece();
  if (!last.decoder) {
    auto made = PieceDecoder::make();
    if (!made) return std::move(made).error();
    last.decoder = *std::move(made);
  }
  const auto begins = std::span{begins_}.subspan(file.first_piece, file.pieces);
  while (!into.empty()) {
    const auto number = file.first_piece + static_cast<std::uint64_t>(std::ranges::upper_bound(begins, offset) - begins.begin()) - 1;
    if (last.bytes.empty() || last.archive != number_ || last.piece != number) {
      last.bytes = {};
      auto decoded = last.decoder->decode(archive_, index_.pieces[number], file.path);
      if (!decoded) return std::move(decoded).error();
      last.archive = number_;
      last.piece = number;
      last.bytes = *decoded;
    }
    const auto from = static_cast<std::size_t>(offset - begins_[number]);
    const auto size = std::min(into.size(), last.bytes.size() - from);
    std::memcpy(into.data(), last.bytes.data() + from, size);
    into = into.subspan(size);
    offset += size;
  }
  return done();
}

Result<std::optional<PackedPlace>> find_packed(const std::filesystem::path& path) {
  const auto found = archive_in(path);
  if (!found) return std::optional<PackedPlace>{};
  const auto inner = found->archive == path ? std::filesystem::path{} : path.lexically_relative(found->archive).lexically_normal();
  auto name = inner.generic_string();
  while (name.ends_with('/')) name.pop_back();
  if (name == ".") name.clear();
  if (name == ".." || name.starts_with("../")) return std::optional<PackedPlace>{};
  auto folder = open_archives().get(found->archive, found->status);
  if (!folder) return std::move(folder).error();
  return std::optional{PackedPlace{found->archive, std::move(name), *std::move(folder)}};
}

bool runs_into_archive(const std::filesystem::path& path) { return archive_in(path).has_value(); }

bool any_packed_folder() { return opened() > 0; }

}  // namespace weighbridge
