#pragma once
// Makes tensors out of the persistent ids and rebuild calls of a torch pickle. Private to this room.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "formats/pickle_reader.hpp"

namespace weighbridge {

// A storage as a persistent id describes it. `bytes` is checked to be a number of bytes below 2^63.
struct DescribedStorage {
  std::string key;
  std::optional<DType> dtype;  // nothing: untyped, counted in bytes
  std::int64_t elements{};
  std::uint64_t bytes{};
  // A view of the streams of before torch 1.6: it begins `view_offset` bytes into storage `root`.
  std::optional<std::uint32_t> root;
  std::uint64_t view_offset{};
};

// Collects the storages of one pickle. Its functions are meant for PickleOptions; it must outlive the reading.
class TorchTensors {
 public:
  TorchTensors(std::string file, std::string subject) : file_{std::move(file)}, subject_{std::move(subject)} {}

  PickleOptions options(const PickleGlobals& globals);
  const std::vector<DescribedStorage>& storages() const { return storages_; }

 private:
  Result<PickleValue> resolve_id(PickleArena& arena, PickleValue id);
  Result<std::optional<PickleValue>> resolve_call(PickleArena& arena, PickleValue callable, PickleValue args);
  Result<std::optional<PickleValue>> rebuild(PickleArena& arena, std::string_view function,
                                             std::span<const PickleValue> args);
  Result<std::uint32_t> storage_number(DescribedStorage described);
  Error fault(std::string problem) const;

  std::string file_, subject_;
  std::vector<DescribedStorage> storages_;
  std::unordered_map<std::string, std::uint32_t> numbers_;                 // of a key
  std::unordered_map<const PickleNode*, std::uint32_t> numbers_of_nodes_;  // of a resolved id
};

}  // namespace weighbridge
