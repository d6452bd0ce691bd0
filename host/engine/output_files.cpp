#include "engine/output_files.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <span>
#include <string>

#include <fcntl.h>
#include <fmt/format.h>

#include "engine/stopped.hpp"

namespace weighbridge {
namespace {

// Folders that output files need, relative to the output folder; outer ones sort before inner ones.
std::set<std::filesystem::path> folders_of(const Plan& plan) {
  std::set<std::filesystem::path> folders;
  const auto add = [&](const std::filesystem::path& file) {
    for (auto parent = file.lexically_normal().parent_path(); !parent.empty(); parent = parent.parent_path())
      folders.insert(parent);
  };
  for (const auto& file : plan.files) add(file.path);
  for (const auto& file : plan.carried) add(file.path);
  return folders;
}

// Takes the disk space now, so that a full disk shows before the work; a file system that cannot gives a sparse file.
Status reserve(Files& files, int descriptor, std::uint64_t size, const std::filesystem::path& path) {
  if (size == 0) return done();
  const auto bytes = static_cast<std::int64_t>(size);
  int result = files.fallocate(descriptor, bytes);
  while (result < 0 && errno == EINTR) result = files.fallocate(descriptor, bytes);
  if (result == 0) return done();
  if (errno == EOPNOTSUPP || errno == ENOSYS) {
    result = files.ftruncate(descriptor, bytes);
    while (result < 0 && errno == EINTR) result = files.ftruncate(descriptor, bytes);
    if (result == 0) return done();
  }
  return refused(errno, path, "", fmt::format("give it {} bytes", size));
}

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span{text}); }

}  // namespace

Status make_files(Files& files, const Plan& plan, const std::filesystem::path& folder) {
  for (const auto& inner : folders_of(plan))
    if (files.mkdir(folder / inner) < 0) return refused(errno, folder / inner, "", "make this folder");
  for (const auto& file : plan.files) {
    const auto path = folder / file.path;
    const auto opened = open_file(files, path, O_WRONLY | O_CREAT | O_EXCL);
    if (!opened) return opened.error();
    if (auto reserved = reserve(files, opened->number(), file.size, path); !reserved) return reserved;
  }
  return done();
}

Status carry_files(Files& files, const Plan& plan, const std::vector<std::uint64_t>& sizes,
                   const std::filesystem::path& folder, const Buffer& buffer, const std::stop_token& stop,
                   ProgressMeter& progress) {
  for (std::size_t i = 0; i < plan.carried.size(); ++i) {
    const auto& file = plan.carried[i];
    const auto path = folder / file.path;
    const auto source = open_file(files, file.source, O_RDONLY);
    if (!source) return source.error();
    const auto target = open_file(files, path, O_WRONLY | O_CREAT | O_EXCL);
    if (!target) return target.error();
    for (std::uint64_t begin = 0; begin < sizes[i];) {
      if (stop.stop_requested()) return stopped_error();
      const auto piece = buffer.bytes().first(
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer.bytes().size(), sizes[i] - begin)));
      if (auto read = read_exactly(files, source->number(), begin, piece, file.source, ""); !read) return read;
      if (auto written = write_exactly(files, target->number(), begin, piece, path, ""); !written) return written;
      begin += piece.size();
      progress.add(piece.size(), file.path.native());
    }
  }
  return done();
}

Status write_literals(Files& files, const Plan& plan, const std::vector<std::uint32_t>& checksums,
                      const std::filesystem::path& folder, const std::stop_token& stop, ProgressMeter& progress) {
  Descriptor open;
  std::filesystem::path path;
  const Literal* last = nullptr;
  for (const auto& literal : plan.literals) {
    if (stop.stop_requested()) return stopped_error();
    if (last == nullptr || last->file != literal.file) {
      path = folder / plan.files[literal.file].path;
      auto opened = open_file(files, path, O_WRONLY);
      if (!opened) return opened.error();
      open = std::move(*opened);
    }
    last = &literal;
    auto bytes = literal.bytes.text();
    for (const auto& slot : literal.checksums)
      for (unsigned i = 0; i < 4; ++i)
        bytes[slot.position + i] = static_cast<char>(checksums[slot.tensor] >> (8 * i) & 0xff);
    if (auto written = write_exactly(files, open.number(), literal.offset, bytes_of(bytes), path, ""); !written)
      return written;
    progress.add(bytes.size(), plan.files[literal.file].path.native());
  }
  return done();
}

Status sync_tensors(Files& files, const Plan& plan, const std::set<std::uint32_t>& written, const std::filesystem::path& folder,
                    const std::stop_token& stop) {
  for (const auto file : written) {
    if (stop.stop_requested()) return stopped_error();
    if (auto synced = sync_file(files, folder / plan.files[file].path); !synced) return synced;
  }
  return done();
}

Status sync_all(Files& files, const Plan& plan, const std::filesystem::path& folder, const std::stop_token& stop) {
  const auto sync = [&](const std::filesystem::path& path) -> Status {
    if (stop.stop_requested()) return stopped_error();
    return sync_file(files, folder / path);
  };
  for (const auto& file : plan.files)
    if (auto synced = sync(file.path); !synced) return synced;
  for (const auto& file : plan.carried)
    if (auto synced = sync(file.path); !synced) return synced;
  const auto folders = folders_of(plan);
  for (auto inner = folders.rbegin(); inner != folders.rend(); ++inner)
    if (auto synced = sync_folder(files, folder / *inner); !synced) return synced;
  return sync_folder(files, folder);
}

}  // namespace weighbridge
