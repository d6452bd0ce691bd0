#include "engine/fingerprint.hpp"

#include <bit>
#include <cerrno>
#include <cstddef>
#include <utility>

namespace weighbridge {
namespace {

template <class Integer>
void add_number(Fingerprint& all, Integer value) {
  all.add(static_cast<std::uint64_t>(value));
}

void add(Fingerprint& all, const BlockScaled& form) {
  add_number(all, form.codec);
  add_number(all, form.block_rows);
  add_number(all, form.block_columns);
  add_number(all, form.shape.size());
  for (const auto extent : form.shape) add_number(all, extent);
}

void add(Fingerprint& all, const StoredRun& run) {
  add_number(all, run.source_file);
  all.add(run.offset);
  add_number(all, run.dtype);
}

void add(Fingerprint& all, const std::optional<StoredRun>& run) {
  add_number(all, run ? 1 : 0);
  if (run) add(all, *run);
}

void add(Fingerprint& all, const Copy& copy) {
  add_number(all, copy.source_file);
  all.add(copy.source_offset);
  all.add(copy.target_offset);
  add_number(all, copy.source_dtype);
  add_number(all, copy.operation);
  all.add(std::bit_cast<std::uint64_t>(copy.constant));
  add_number(all, copy.loops.size());
  for (const auto& loop : copy.loops) {
    add_number(all, loop.extent);
    add_number(all, loop.source_stride);
    add_number(all, loop.target_stride);
  }
}

void add(Fingerprint& all, const Encoding& encoding) {
  add_number(all, encoding.part);
  add(all, encoding.form);
  add_number(all, encoding.scaled ? 1 : 0);
  add_number(all, encoding.scales_dtype);
  add_number(all, encoding.held);
  add(all, encoding.original);
}

void add(Fingerprint& all, const OutputTensor& tensor) {
  all.add(tensor.name);
  add_number(all, tensor.file);
  all.add(tensor.offset);
  all.add(tensor.bytes);
  add_number(all, tensor.dtype);
  add_number(all, tensor.padded ? 1 : 0);
  all.add(tensor.filler);
  add_number(all, tensor.copies.size());
  for (const auto& copy : tensor.copies) add(all, copy);
  add_number(all, tensor.encoding ? 1 : 0);
  if (tensor.encoding) add(all, *tensor.encoding);
}

void add(Fingerprint& all, const Literal& literal) {
  add_number(all, literal.file);
  all.add(literal.offset);
  all.add(literal.bytes);
  for (const auto& slot : literal.checksums) {
    add_number(all, slot.tensor);
    add_number(all, slot.position);
  }
}

void add(Fingerprint& all, const DecodedSource& source) {
  add(all, source.form);
  add(all, source.data);
  add(all, source.scales);
}

}  // namespace

void Fingerprint::add(std::uint64_t value) {
  state_ = (std::rotl(state_, 23) ^ value) * 0x9e3779b97f4a7c15;
  state_ ^= state_ >> 29;
}

void Fingerprint::add(std::string_view text) {
  add(text.size());
  for (std::size_t begin = 0; begin < text.size(); begin += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8 && begin + i < text.size(); ++i)
      word |= std::uint64_t{static_cast<unsigned char>(text[begin + i])} << (8 * i);
    add(word);
  }
}

std::uint64_t fingerprint(const Plan& plan) {
  Fingerprint all;
  all.add(plan.sources.size());
  all.add(plan.decoded.size());
  for (const auto& source : plan.decoded) add(all, source);
  all.add(plan.files.size());
  for (const auto& file : plan.files) {
    all.add(file.path.native());
    all.add(file.size);
  }
  all.add(plan.tensors.size());
  for (const auto& tensor : plan.tensors) add(all, tensor);
  all.add(plan.literals.size());
  for (const auto& literal : plan.literals) add(all, literal);
  all.add(plan.carried.size());
  for (const auto& file : plan.carried) all.add(file.path.native());
  return all.value();
}

std::uint64_t fingerprint(const Schedule& schedule, std::size_t tensors) {
  Fingerprint all;
  for (std::size_t tensor = 0; tensor < tensors; ++tensor) {
    const auto [first, last] = schedule.of_tensor(tensor);
    all.add(last - first);
    // All windows of a tensor but its first and its last are of one size.
    for (const auto number : {first, first + 1, last - 1}) {
      if (number < first || number >= last) continue;
      const auto window = schedule.window(number);
      all.add(static_cast<std::uint64_t>(window.begin));
      all.add(static_cast<std::uint64_t>(window.end));
    }
  }
  return all.value();
}

Result<FileIdentity> identify(Files& files, const std::filesystem::path& path) {
  struct ::stat found {};
  if (files.stat(path, found) < 0) return refused(errno, path, "", "look at it");
  return FileIdentity{path, static_cast<std::uint64_t>(found.st_size),
                      std::int64_t{found.st_mtim.tv_sec} * 1'000'000'000 + found.st_mtim.tv_nsec, found.st_ino};
}

Result<std::vector<FileIdentity>> identify_sources(Files& files, const Plan& plan) {
  std::vector<FileIdentity> identities;
  identities.reserve(plan.sources.size() + plan.carried.size());
  const auto add = [&](const std::filesystem::path& path) -> Status {
    auto identity = identify(files, path);
    if (!identity) return std::move(identity).error();
    identities.push_back(*std::move(identity));
    return done();
  };
  for (const auto& path : plan.sources)
    if (auto added = add(path); !added) return std::move(added).error();
  for (const auto& file : plan.carried)
    if (auto added = add(file.source); !added) return std::move(added).error();
  return identities;
}

}  // namespace weighbridge
