#include "engine/direct_io.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include <fcntl.h>

namespace weighbridge {
namespace {

// Below this, telling the kernel to start writing costs more than it gains.
constexpr std::size_t kWriteback = 1 << 20;

std::uint64_t rounded_down(std::uint64_t value) { return value / kDirectAlignment * kDirectAlignment; }
std::uint64_t rounded_up(std::uint64_t value) { return rounded_down(value + kDirectAlignment - 1); }

// Whether a call failed because the file system, or this way of asking, knows no direct transfer.
bool unknown_here(int number) { return number == EINVAL || number == EOPNOTSUPP || number == ENOSYS; }

template <class Call>
std::int64_t uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

DirectReader::DirectReader(Files& files, std::span<std::byte> bounce, std::uint64_t least, std::span<std::byte> block, std::span<std::byte> room)
    : files_{&files}, bounce_{bounce}, block_{block}, room_{room}, least_{least}, cached_{files}, direct_{files}, works_{least > 0 && bounce.size() >= 2 * kDirectAlignment} {}

Status DirectReader::read(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::string_view subject) {
  const auto descriptor = cached_.get(path, O_RDONLY);
  if (!descriptor) return descriptor.error();
  // The cache is quickest where it has everything; what it does not have is not brought into it.
  if (works_ && into.size() >= least_ && files_->is_cached(*descriptor, static_cast<std::int64_t>(offset), into.size()) == 0) {
    const auto around = read_around(path, offset, into, subject);
    if (!around) return around.error();
    offset += *around;
    into = into.subspan(*around);
  }
  return read_exactly(*files_, *descriptor, offset, into, path, subject);
}

Result<std::size_t> DirectReader::read_around(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::string_view subject) {
  if (offset > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - into.size() - 2 * kDirectAlignment) return std::size_t{0};
  const auto opened = direct_.get(path, O_RDONLY | O_DIRECT);
  if (!opened) {
    works_ = false;  // if it cannot be opened at all, the other way says why
    return std::size_t{0};
  }
  if (fits_in_place(offset, into)) return read_in_place(*opened, path, offset, into, subject);
  std::size_t filled = 0;
  while (filled < into.size()) {
    const auto from = offset + filled;
    const auto begin = rounded_down(from);
    const auto lead = static_cast<std::size_t>(from - begin);
    const auto wanted = std::min<std::uint64_t>(bounce_.size(), rounded_up(from + into.size() - filled) - begin);
    const auto got = uninterrupted([&] { return files_->pread(*opened, bounce_.data(), static_cast<std::size_t>(wanted), static_cast<std::int64_t>(begin)); });
    if (got < 0 && unknown_here(errno)) {
      works_ = false;
      return filled;
    }
    if (got < 0) return refused(errno, path, std::string{subject}, "read it around the cache");
    if (static_cast<std::size_t>(got) <= lead) return filled;  // the file ends; read_exactly says so
    const auto useful = std::min(static_cast<std::size_t>(got) - lead, into.size() - filled);
    std::memcpy(into.data() + filled, bounce_.data() + lead, useful);
    filled += useful;
  }
  return filled;
}

bool DirectReader::fits_in_place(std::uint64_t offset, std::span<const std::byte> into) const {
  const auto begin = reinterpret_cast<std::uintptr_t>(into.data()), room = reinterpret_cast<std::uintptr_t>(room_.data());
  return begin % kDirectAlignment == offset % kDirectAlignment && rounded_down(begin) >= room &&
         rounded_up(begin + into.size()) <= room + room_.size();
}

Result<std::size_t> DirectReader::read_in_place(int descriptor, const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into,
                                                std::string_view subject) {
  const auto begin = rounded_down(offset);
  const auto lead = static_cast<std::size_t>(offset - begin), wanted = lead + into.size();
  const auto size = static_cast<std::size_t>(rounded_up(wanted));
  auto* const memory = into.data() - lead;
  std::array<std::byte, kDirectAlignment> before, behind;
  std::memcpy(before.data(), memory, lead);
  std::memcpy(behind.data(), memory + wanted, size - wanted);
  std::size_t filled = 0;
  std::int64_t got = 0;
  do {
    got = uninterrupted([&] { return files_->pread(descriptor, memory + filled, size - filled, static_cast<std::int64_t>(begin + filled)); });
    if (got > 0) filled += static_cast<std::size_t>(got);
  } while (filled < wanted && got > 0 && static_cast<std::size_t>(got) % kDirectAlignment == 0);
  const auto number = errno;
  std::memcpy(memory, before.data(), lead);
  std::memcpy(memory + wanted, behind.data(), size - wanted);
  if (got < 0 && unknown_here(number)) works_ = false;
  else if (got < 0) return refused(number, path, std::string{subject}, "read it around the cache");
  return filled <= lead ? 0 : std::min(filled - lead, into.size());
}

Status DirectReader::read_near(const std::filesystem::path& path, std::uint64_t offset, std::span<std::byte> into, std::uint64_t end,
                               std::string_view subject) {
  if (keeps_blocks() && !held_.covers(path, offset, into.size()) && !in_cache_.covers(path, offset, into.size()))
    if (auto filled = fill_block(path, offset, end, subject); !filled) return filled;
  if (!held_.covers(path, offset, into.size())) return read(path, offset, into, subject);
  std::memcpy(into.data(), block_.data() + (offset - held_.begin), into.size());
  return done();
}

// After it, the block or the range in the cache begins at or before `offset`, as far as that is possible.
Status DirectReader::fill_block(const std::filesystem::path& path, std::uint64_t offset, std::uint64_t end, std::string_view subject) {
  if (end > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) - kDirectAlignment || offset >= end) return done();
  const auto begin = rounded_down(offset);
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(block_.size(), rounded_up(end) - begin));
  const auto descriptor = cached_.get(path, O_RDONLY);
  if (!descriptor) return descriptor.error();
  if (files_->is_cached(*descriptor, static_cast<std::int64_t>(begin), size) != 0) {
    in_cache_ = {&path, begin, begin + size};
    return done();
  }
  const auto opened = direct_.get(path, O_RDONLY | O_DIRECT);
  if (!opened) {
    works_ = false;
    return done();
  }
  held_ = {};
  std::size_t filled = 0;
  while (filled < size) {
    const auto got = uninterrupted([&] { return files_->pread(*opened, block_.data() + filled, size - filled, static_cast<std::int64_t>(begin + filled)); });
    if (got < 0 && unknown_here(errno)) {
      works_ = false;
      return done();
    }
    if (got < 0) return refused(errno, path, std::string{subject}, "read it around the cache");
    filled += static_cast<std::size_t>(got);
    if (static_cast<std::size_t>(got) % kDirectAlignment != 0 || got == 0) break;  // the file ends here
  }
  held_ = {&path, begin, begin + filled};
  return done();
}

DirectWriter::DirectWriter(Files& files, std::uint64_t least) : files_{&files}, least_{least}, cached_{files}, direct_{files}, works_{least > 0} {}

Status DirectWriter::write(const std::filesystem::path& path, std::uint64_t offset, std::span<const std::byte> from, std::string_view subject) {
  const auto begin = rounded_up(offset), end = rounded_down(offset + from.size());
  const auto lead = static_cast<std::size_t>(begin - offset);
  const bool aligned = reinterpret_cast<std::uintptr_t>(from.data()) % kDirectAlignment == offset % kDirectAlignment;
  if (!works_ || !aligned || begin >= end || end - begin < least_) return write_cached(path, offset, from, subject);
  const auto opened = direct_.get(path, O_WRONLY | O_DIRECT);
  if (!opened) {
    works_ = false;
    return write_cached(path, offset, from, subject);
  }
  if (auto status = write_cached(path, offset, from.first(lead), subject); !status) return status;
  auto middle = from.subspan(lead, static_cast<std::size_t>(end - begin));
  auto at = begin;
  while (!middle.empty()) {
    const auto put = uninterrupted([&] { return files_->pwrite(*opened, middle.data(), middle.size(), static_cast<std::int64_t>(at)); });
    if (put < 0 && unknown_here(errno)) {
      works_ = false;
      break;
    }
    if (put <= 0) return refused(put < 0 ? errno : EIO, path, std::string{subject}, "write it around the cache");
    at += static_cast<std::uint64_t>(put);
    middle = middle.subspan(static_cast<std::size_t>(put));
    if (static_cast<std::size_t>(put) % kDirectAlignment != 0) break;  // what follows no longer lies on pages
  }
  const auto written = static_cast<std::size_t>(at - offset);
  return write_cached(path, at, from.subspan(written), subject);
}

Status DirectWriter::write_cached(const std::filesystem::path& path, std::uint64_t offset, std::span<const std::byte> from, std::string_view subject) {
  if (from.empty()) return done();
  const auto descriptor = cached_.get(path, O_WRONLY);
  if (!descriptor) return descriptor.error();
  auto written = write_exactly(*files_, *descriptor, offset, from, path, subject);
  if (written && from.size() >= kWriteback)
    files_->start_writeback(*descriptor, static_cast<std::int64_t>(offset), static_cast<std::int64_t>(from.size()));
  return written;
}

}  // namespace weighbridge
