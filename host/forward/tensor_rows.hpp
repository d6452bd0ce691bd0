#pragma once
// The tensors of one side as float32, read in rows when they are needed.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/memory.hpp"
#include "engine/run.hpp"
#include "engine/window_reader.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// A tensor as a matrix: its last axis by all others.
struct Extents {
  std::int64_t rows{}, columns{};
};
Extents extents_of(const Shape& shape);

struct HeldTensor {
  StoredTensor stored;
  DType rounded{DType::f32};  // BF16 or F16: values are rounded to it before they are float32
};
using HeldTensors = std::map<std::string, HeldTensor, std::less<>>;

class TensorRows {
 public:
  // `plan` holds the files and decoded sources that the tensors lie in; tensors that are no numbers are left out. `memory` is
  // what blocks of rows may take. Errors as of check_plan.
  static Result<TensorRows> make(Plan plan, HeldTensors tensors, std::uint64_t memory, std::stop_token stop);
  TensorRows(TensorRows&&) noexcept;
  TensorRows& operator=(TensorRows&&) noexcept;
  ~TensorRows();

  // Told of everything that is read, in bytes of float32; may be empty.
  void tell(std::function<void(std::uint64_t bytes, std::string_view tensor)> reader);
  std::uint64_t bytes() const;  // of all tensors as float32

  const StoredTensor* find(std::string_view name) const;  // null if there is none
  // Rows [first, first + count), in blocks that fit the memory, in order: block(first row of it, values). A block is at least
  // a row. Errors name the tensor: mismatch for rows that it has not, usage for a row beyond the memory, io while reading.
  Status read(std::string_view name, std::int64_t first, std::int64_t count,
              const std::function<void(std::int64_t first, std::int64_t count, const float* values)>& block);

 private:
  struct Reading;
  explicit TensorRows(std::unique_ptr<Reading> reading);
  std::unique_ptr<Reading> reading_;
};

}  // namespace weighbridge
