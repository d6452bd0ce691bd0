#include "engine/preflight.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "engine/tensor_copies.hpp"
#include "formats/relative_path.hpp"

namespace weighbridge {
namespace {

Error faulty(std::string file, std::string subject, std::string problem) {
  return {Error::Kind::mismatch, std::move(file), std::move(subject), std::move(problem),
          "The plan is faulty; please report this with the command that you ran"};
}

// Larger sums of sizes could not be held in a file anyway, and smaller ones never overflow.
constexpr std::uint64_t kLargest = std::uint64_t{1} << 60;

Result<std::uint64_t> size_of(Files& files, const std::filesystem::path& path) {
  struct ::stat found {};
  if (files.stat(path, found) < 0) return refused(errno, path, "", "find it");
  if (!S_ISREG(found.st_mode))
    return Error{Error::Kind::format, path.string(), "", "it is not a regular file", "Name a checkpoint made of files"};
  return static_cast<std::uint64_t>(found.st_size);
}

Status check_paths(const Plan& plan) {
  std::set<std::filesystem::path> seen;
  const auto check = [&](const std::filesystem::path& path) -> Status {
    if (!stays_inside_folder(path.string()))
      return Error{Error::Kind::format, path.string(), "", "an output file would lie outside the destination",
                   "Correct the file's name in the checkpoint; a sound checkpoint has none like it"};
    if (!seen.insert(path.lexically_normal()).second)
      return faulty(path.string(), "", "two output files have this one name");
    return done();
  };
  for (const auto& file : plan.files)
    if (auto checked = check(file.path); !checked) return checked;
  for (const auto& file : plan.carried)
    if (auto checked = check(file.path); !checked) return checked;
  return done();
}

// Tensors and literals, in order of their bytes, must follow one another without hole or overlap.
Status check_tiling(const Plan& plan) {
  std::vector<std::tuple<std::uint32_t, std::uint64_t, std::uint64_t>> pieces;  // file, offset, length
  pieces.reserve(plan.tensors.size() + plan.literals.size());
  for (const auto& tensor : plan.tensors) pieces.emplace_back(tensor.file, tensor.offset, tensor.bytes);
  for (const auto& literal : plan.literals) pieces.emplace_back(literal.file, literal.offset, literal.bytes.size());
  std::sort(pieces.begin(), pieces.end());
  auto piece = pieces.begin();
  for (std::uint32_t file = 0; file < plan.files.size(); ++file) {
    std::uint64_t filled = 0;
    for (; piece != pieces.end() && std::get<0>(*piece) == file; ++piece) {
      const auto [index, offset, length] = *piece;
      if (offset != filled || length > plan.files[file].size - filled)
        return faulty(plan.files[file].path.string(), "",
                      fmt::format("bytes {} to {} are planned where byte {} of {} is next", offset, offset + length,
                                  filled, plan.files[file].size));
      filled += length;
    }
    if (filled != plan.files[file].size)
      return faulty(plan.files[file].path.string(), "",
                    fmt::format("only {} of {} bytes are planned", filled, plan.files[file].size));
  }
  if (piece != pieces.end()) return faulty("", "", fmt::format("output file {} does not exist", std::get<0>(*piece)));
  return done();
}

Status check_literals(const Plan& plan) {
  for (const auto& literal : plan.literals)
    for (const auto& slot : literal.checksums)
      if (slot.tensor >= plan.tensors.size() || literal.bytes.size() < 4 || slot.position > literal.bytes.size() - 4)
        return faulty(plan.files[literal.file].path.string(), "",
                      fmt::format("the checksum of tensor {} has no place at byte {} of a literal of {} bytes",
                                  slot.tensor, slot.position, literal.bytes.size()));
  return done();
}

// One tensor's copies; the widest pitch among them.
Result<std::int64_t> check_tensor(const Plan& plan, const OutputTensor& tensor,
                                  const std::vector<std::uint64_t>& sizes) {
  const auto copies = TensorCopies::make(tensor);
  if (!copies) return copies.error();
  std::int64_t pitch = 0;
  for (const auto& copy : copies->all()) {
    if (copy.source_file >= plan.sources.size())
      return faulty("", tensor.name, fmt::format("source file {} does not exist", copy.source_file));
    const auto range = bounds(copy.nest);
    const auto& source = plan.sources[copy.source_file];
    if (range.source_begin < 0 || static_cast<std::uint64_t>(range.source_end) > sizes[copy.source_file])
      return Error{Error::Kind::format, source.string(), tensor.name,
                   fmt::format("bytes {} to {} are to be read and the file has {}", range.source_begin,
                               range.source_end, sizes[copy.source_file]),
                   "The file was cut off or changed since it was looked at; copy or download it again"};
    if (range.target_begin < 0 || static_cast<std::uint64_t>(range.target_end) > tensor.bytes)
      return faulty("", tensor.name,
                    fmt::format("bytes {} to {} are to be written and the tensor has {}", range.target_begin,
                                range.target_end, tensor.bytes));
    pitch = std::max(pitch, scattered_pitch(copy.nest));
  }
  const auto written = static_cast<std::uint64_t>(copies->bytes());
  if (written > tensor.bytes || (written < tensor.bytes && !tensor.padded))
    return faulty("", tensor.name, fmt::format("copies write {} of its {} bytes", written, tensor.bytes));
  return pitch;
}

}  // namespace

Result<Checked> check_plan(const Plan& plan, Files& files, const Budget& budget) {
  if (auto checked = check_paths(plan); !checked) return checked.error();
  Checked result;
  for (const auto& file : plan.files) {
    if (file.size > kLargest || result.output_bytes > kLargest)
      return faulty(file.path.string(), "", fmt::format("a size of {} bytes is beyond any file", file.size));
    result.output_bytes += file.size;
  }
  if (auto checked = check_tiling(plan); !checked) return checked.error();
  if (auto checked = check_literals(plan); !checked) return checked.error();

  std::vector<std::uint64_t> sizes;
  for (const auto& source : plan.sources) {
    const auto size = size_of(files, source);
    if (!size) return size.error();
    sizes.push_back(*size);
  }
  for (const auto& tensor : plan.tensors) {
    const auto pitch = check_tensor(plan, tensor, sizes);
    if (!pitch) return pitch.error();
    result.schedule.add(tensor, *pitch, budget);
  }
  for (const auto& file : plan.carried) {
    const auto size = size_of(files, file.source);
    if (!size) return size.error();
    result.carried_sizes.push_back(*size);
    result.output_bytes += *size;
  }
  return result;
}

}  // namespace weighbridge
