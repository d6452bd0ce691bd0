#include "conversion/source_use.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>

#include "formats/input_file.hpp"

namespace weighbridge {
namespace {

Error disagreement(const std::string& folder, std::string subject, std::string problem, std::string remedy) {
  return {Error::Kind::mismatch, folder, std::move(subject), std::move(problem), std::move(remedy)};
}

std::string joined_subject(const std::vector<std::string>& names) {
  return names.size() == 1 ? "tensor " + names.front() : fmt::format("tensors {}", some_of(names));
}

// A tensor as one contiguous run of bytes in one file; nothing for any other storage.
std::optional<std::uint64_t> contiguous_offset(const StoredTensor& tensor) {
  if (tensor.extents.size() != 1 || tensor.extents.front().strides != row_major_strides(tensor.shape)) return std::nullopt;
  return tensor.extents.front().offset;
}

bool larger_than(const StoredTensor& tensor, std::uint64_t bytes) {
  return static_cast<std::uint64_t>(byte_count(tensor.shape, tensor.dtype).value_or(0)) > bytes;
}

Status check_tied(const Declaration& tied, const Catalogue& source, const std::string& folder) {
  const auto copy = source.tensors.find(tied.name), original = source.tensors.find(tied.other);
  if (original == source.tensors.end()) return done();  // reported as missing
  auto same = same_bits(source, copy->second, original->second);
  if (!same) return same.error();
  if (*same) return done();
  return disagreement(folder, "tensor " + tied.name,
                  fmt::format("differs from {}, to which the configuration ties it ({}); Megatron would keep only the latter", tied.other, tied.reason),
                  "Set tie_word_embeddings to false in config.json if both are meant, or remove the copy");
}

}  // namespace

Result<std::optional<std::int64_t>> nonzero_beyond_use(const EquationSet& set, const Catalogue& source, const std::string& name) {
  const auto leaf = set.algebra.find(name);
  const auto found = source.tensors.find(name);
  if (!leaf || found == source.tensors.end() || found->second.extents.empty()) return std::optional<std::int64_t>{};
  const auto& stored = found->second;
  const auto& file = source.files[stored.extents.front().file];
  const auto offset = contiguous_offset(stored);
  if (!offset || larger_than(stored, kSmallCopy))
    return Error{Error::Kind::unsupported, file.string(), "tensor " + name, "is stored in strides or is too large for the elements that no equation uses to be looked at",
                 "Cut them off in a copy of the file, if they are zeros"};
  std::vector<bool> used(static_cast<std::size_t>(element_count(stored.shape).value_or(0)));
  for (const auto& equation : set.equations)
    for (const auto& piece : equation.expression.pieces) {
      if (piece.leaf != *leaf) continue;
      std::vector<std::int64_t> index(piece.map.loops.size());
      for (std::int64_t left = piece.map.count(); left > 0; --left) {
        auto at = piece.map.source_base;
        for (std::size_t k = 0; k < index.size(); ++k) at += index[k] * piece.map.loops[k].source_stride;
        used[static_cast<std::size_t>(at)] = true;
        for (auto k = index.size(); k-- > 0;) {
          if (++index[k] < piece.map.loops[k].extent) break;
          index[k] = 0;
        }
      }
    }
  const auto input = InputFile::open(file);
  if (!input) return input.error();
  const auto bytes = input->read(*offset, static_cast<std::uint64_t>(byte_count(stored.shape, stored.dtype).value_or(0)));
  if (!bytes) return bytes.error();
  const auto width = bytes->size() / std::max<std::size_t>(used.size(), 1);
  for (std::size_t i = 0; i < used.size(); ++i)
    if (!used[i] && std::ranges::any_of(std::string_view{*bytes}.substr(i * width, width), [](char byte) { return byte != 0; }))
      return std::optional{static_cast<std::int64_t>(i)};
  return std::optional<std::int64_t>{};
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 20;
  if (names.size() <= kShown) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} and {} more", fmt::join(names.begin(), names.begin() + kShown, ", "), names.size() - kShown);
}

Result<bool> same_bits(const Catalogue& source, const StoredTensor& one, const StoredTensor& other) {
  if (one.dtype != other.dtype || one.shape != other.shape) return false;
  const auto a = contiguous_offset(one), b = contiguous_offset(other);
  if (!a || !b)
    return Error{Error::Kind::unsupported, source.files[one.extents.front().file].string(), one.name,
                 "is stored in strides, and must be compared with the tensor that it is tied to",
                 "Save the checkpoint as safetensors, without the copy"};
  if (one.extents.front().file == other.extents.front().file && *a == *b) return true;
  auto first = InputFile::open(source.files[one.extents.front().file]);
  if (!first) return first.error();
  auto second = InputFile::open(source.files[other.extents.front().file]);
  if (!second) return second.error();
  const auto total = static_cast<std::uint64_t>(byte_count(one.shape, one.dtype).value_or(0));
  std::vector<char> left(1 << 20), right(1 << 20);
  for (std::uint64_t at = 0; at < total; at += left.size()) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left.size(), total - at));
    const std::span<char> x{left.data(), size}, y{right.data(), size};
    if (auto status = first->read(*a + at, x); !status) return status.error();
    if (auto status = second->read(*b + at, y); !status) return status.error();
    if (!std::ranges::equal(x, y)) return false;
  }
  return true;
}

std::vector<std::string> meant_by(const Declaration& carried, const Algebra& algebra, const Catalogue& source) {
  std::vector<std::string> names;
  if (!carried.name.ends_with('*')) {
    if (source.tensors.contains(carried.name) && !algebra.find(carried.name)) names.push_back(carried.name);
    return names;
  }
  const auto start = std::string_view{carried.name}.substr(0, carried.name.size() - 1);
  for (auto found = source.tensors.lower_bound(start); found != source.tensors.end() && found->first.starts_with(start); ++found)
    if (!algebra.find(found->first)) names.push_back(found->first);
  return names;
}

Status prove_family(const EquationSet& set, const Family& family) {
  auto status = prove(set);
  if (status) return status;
  auto error = std::move(status).error();
  error.file = family.manifest.library.string();
  return error;
}

Status settle_copies(EquationSet& set, const Catalogue& source, std::uint64_t largest) {
  for (auto& said : set.declarations) {
    if (said.kind != Declaration::Kind::copy) continue;
    const auto copy = source.tensors.find(said.name), original = source.tensors.find(said.other);
    if (copy == source.tensors.end()) continue;
    // What an import carried is there without its original; what it tied is known by name alone.
    const bool there = !copy->second.extents.empty();
    const bool kept = there && (original == source.tensors.end() || original->second.extents.empty());
    const bool large = there && !kept && copy->second.shape == original->second.shape && larger_than(copy->second, largest);
    auto same = there && !kept && !large ? same_bits(source, copy->second, original->second) : Result<bool>{!kept};
    if (!same) return same.error();
    said.kind = *same ? Declaration::Kind::tied : Declaration::Kind::carried;
    if (!*same) said.reason = fmt::format("differs from {}, which Megatron uses in its place ({})", said.other, said.reason);
  }
  return done();
}

Status check_use(const EquationSet& set, const Catalogue& source, const std::string& folder, bool strict, Conversion& conversion, std::uint64_t largest) {
  std::vector<std::string> missing;
  for (const auto& leaf : set.algebra.leaves()) {
    if (leaf.decoding) continue;  // its data and scales are leaves too
    const auto found = source.tensors.find(leaf.name);
    if (found == source.tensors.end()) missing.push_back(leaf.name);
    else if (found->second.shape != leaf.shape)
      return disagreement(source.files[found->second.extents.front().file].string(), "tensor " + leaf.name,
                      fmt::format("has the shape {}; the configuration makes it {}", to_string(found->second.shape), to_string(leaf.shape)),
                      "Check config.json (hidden_size, heads, vocab_size, …) against the weights; one of them is of another model");
  }
  if (!missing.empty())
    return disagreement(folder, joined_subject(missing), "needed by the equations but not in the checkpoint",
                    "Complete the checkpoint, or correct config.json where it claims what is not there (tie_word_embeddings, biases, layers)");

  std::set<std::string, std::less<>> declared;
  for (const auto& said : set.declarations) {
    if (said.kind == Declaration::Kind::carried) {
      for (auto& name : meant_by(said, set.algebra, source)) declared.insert(std::move(name));
      continue;
    }
    declared.insert(said.name);
    const bool present = source.tensors.contains(said.name);
    if (said.kind == Declaration::Kind::tied) {
      if (present && larger_than(source.tensors.find(said.name)->second, largest))
        conversion.notes.push_back(fmt::format("whether {} is the same as {} is looked at when it is converted", said.name, said.other));
      else if (present)
        if (auto status = check_tied(said, source, folder); !status) return status;
      conversion.tied.push_back({said.name, fmt::format("the same as {}: {}", said.other, said.reason), kDeclared});
    } else if (said.kind == Declaration::Kind::dropped && present) {
      conversion.dropped.push_back({said.name, said.reason, kDeclared});
    } else if (said.kind == Declaration::Kind::zeros && present) {
      const auto other = nonzero_beyond_use(set, source, said.name);
      if (!other) return other.error();
      if (*other)
        return disagreement(source.files[source.tensors.find(said.name)->second.extents.front().file].string(), "tensor " + said.name,
                        fmt::format("element {} is not zero, and Megatron has no place for it: {}", **other, said.reason),
                        "Check config.json against the weights; one of them is of another model");
      conversion.dropped.push_back({said.name, said.reason + "; looked at, and made again on export", kDeclared});
    }
  }
  std::vector<std::string> unused;
  for (const auto& [name, tensor] : source.tensors)
    if (!set.algebra.find(name) && !declared.contains(name)) unused.push_back(name);
  if (unused.empty()) return done();
  if (strict)
    return disagreement(folder, joined_subject(unused), "in the checkpoint but used by no equation: converting would lose it",
                    "Check that config.json belongs to these weights; --not-strict leaves it out and says so");
  for (const auto& name : unused) conversion.dropped.push_back({name, "no equation uses it", kNotStrict});
  return done();
}

}  // namespace weighbridge
