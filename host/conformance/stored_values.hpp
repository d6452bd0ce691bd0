#pragma once
// Small checkpoints, read whole: the value of every element.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

class StoredValues {
 public:
  explicit StoredValues(const Catalogue& catalogue) : catalogue_{catalogue} {}

  // Calls `visit(coordinates, bits)` for every element of a tensor.
  Status each(const StoredTensor& tensor, const std::function<void(const Shape&, std::uint64_t)>& visit);

 private:
  Result<const std::string*> content(std::uint32_t file);

  const Catalogue& catalogue_;
  std::map<std::uint32_t, std::string> contents_;
};

}  // namespace weighbridge
