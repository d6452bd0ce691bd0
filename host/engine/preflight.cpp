#include "engine/preflight.hpp"

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "engine/block_codec.hpp"
#include "engine/block_encoder.hpp"
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

// That a run of `elements` lies in its file.
Status check_run(const Plan& plan, const StoredRun& run, std::uint64_t bytes, const std::string& name, const std::vector<std::uint64_t>& sizes) {
  if (run.source_file >= plan.sources.size()) return faulty("", name, fmt::format("source file {} does not exist", run.source_file));
  if (bytes <= sizes[run.source_file] && run.offset <= sizes[run.source_file] - bytes) return done();
  return Error{Error::Kind::format, plan.sources[run.source_file].string(), name,
               fmt::format("bytes {} to {} are to be read and the file has {}", run.offset, run.offset + bytes, sizes[run.source_file]),
               "The file was cut off or changed since it was looked at; copy or download it again"};
}

Status check_scales(const Plan& plan, const BlockScaled& form, const StoredRun& scales, const std::string& name, const std::vector<std::uint64_t>& sizes) {
  return check_run(plan, scales, static_cast<std::uint64_t>(form.scale_count()) * scale_bytes(scales.dtype), name, sizes);
}

// Sizes of the sources: files, then decoded ones, whose own parts are checked.
Status check_decoded(const Plan& plan, std::vector<std::uint64_t>& sizes) {
  for (const auto& source : plan.decoded) {
    const auto count = static_cast<std::uint64_t>(element_count(source.form.shape).value_or(0));
    const auto bytes = (count * static_cast<std::uint64_t>(bits(source.form.codec)) + 7) / 8;
    if (count == 0 || count > kLargest) return faulty("", source.name, "decoded values without a shape");
    if (auto status = check_run(plan, source.data, bytes, source.name, sizes); !status) return status;
    if (source.scales)
      if (auto status = check_scales(plan, source.form, *source.scales, source.name, sizes); !status) return status;
  }
  for (const auto& source : plan.decoded)
    sizes.push_back(static_cast<std::uint64_t>(element_count(source.form.shape).value_or(0)) * sizeof(float));
  return done();
}

// Bytes that the copies of a tensor write: of an encoded one, of its values.
Result<std::uint64_t> copied_bytes(const Plan& plan, const OutputTensor& tensor, const std::vector<std::uint64_t>& sizes) {
  if (!tensor.encoding) return tensor.bytes;
  const auto& encoding = *tensor.encoding;
  const auto count = static_cast<std::uint64_t>(element_count(encoding.form.shape).value_or(0));
  if (count == 0) return faulty("", tensor.name, "an encoding without values");
  const auto shape = encoded_shape(encoding);
  const auto bytes = encoding.part == Encoding::Part::data ? count * static_cast<std::uint64_t>(bits(encoding.form.codec)) / 8
                                                           : static_cast<std::uint64_t>(shape.strips * shape.strip_bytes);
  if (bytes != tensor.bytes) return faulty("", tensor.name, fmt::format("{} bytes of encoding in a tensor of {}", bytes, tensor.bytes));
  if (encoding.original)
    if (auto status = check_scales(plan, encoding.form, *encoding.original, tensor.name, sizes); !status) return status.error();
  return count * sizeof(float);
}

// How a tensor's copies ask for it to be cut.
struct Cutting {
  std::int64_t pitch{};  // the widest among them
  std::optional<RowCut> rows;
};

// One tensor's copies. `sizes` are those of files and decoded sources.
Result<Cutting> check_tensor(const Plan& plan, const OutputTensor& tensor,
                                  const std::vector<std::uint64_t>& sizes) {
  const auto total = copied_bytes(plan, tensor, sizes);
  if (!total) return total.error();
  const auto copies = TensorCopies::make(tensor);
  if (!copies) return copies.error();
  Cutting cutting;
  for (const auto& copy : copies->all()) {
    if (copy.source_file >= sizes.size())
      return faulty("", tensor.name, fmt::format("source file {} does not exist", copy.source_file));
    const auto range = bounds(copy.nest);
    const auto* decoded = plan.decoded_source(copy.source_file);
    const auto source = decoded ? std::filesystem::path{decoded->name} : plan.sources[copy.source_file];
    if (range.source_begin < 0 || static_cast<std::uint64_t>(range.source_end) > sizes[copy.source_file])
      return Error{Error::Kind::format, source.string(), tensor.name,
                   fmt::format("bytes {} to {} are to be read and the file has {}", range.source_begin,
                               range.source_end, sizes[copy.source_file]),
                   "The file was cut off or changed since it was looked at; copy or download it again"};
    if (range.target_begin < 0 || static_cast<std::uint64_t>(range.target_end) > *total)
      return faulty("", tensor.name,
                    fmt::format("bytes {} to {} are to be written and the tensor has {}", range.target_begin,
                                range.target_end, tensor.bytes));
    cutting.pitch = std::max(cutting.pitch, scattered_pitch(copy.nest));
  }
  const auto written = static_cast<std::uint64_t>(copies->bytes());
  if (written > *total || (written < *total && !tensor.padded))
    return faulty("", tensor.name, fmt::format("copies write {} of its {} bytes", written, *total));
  if (copies->all().size() == 1 && copies->all().front().element.moves_bits()) cutting.rows = row_cut(copies->all().front().nest);
  return cutting;
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
  if (auto checked = check_decoded(plan, sizes); !checked) return checked.error();
  for (const auto& tensor : plan.tensors) {
    const auto cutting = check_tensor(plan, tensor, sizes);
    if (!cutting) return cutting.error();
    result.schedule.add(tensor, cutting->pitch, budget, cutting->rows);
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
