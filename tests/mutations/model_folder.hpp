#pragma once
// A small Hugging Face folder held in memory, to be changed and written out again.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tensor/shape.hpp"

namespace weighbridge::test {

struct HeldTensor {
  DType dtype{};
  Shape shape;
  std::string bytes;  // row-major

  std::size_t rows() const { return static_cast<std::size_t>(shape.at(0)); }
  std::size_t row_bytes() const { return bytes.size() / rows(); }
  std::string row(std::size_t number) const { return bytes.substr(number * row_bytes(), row_bytes()); }
};

struct ModelFolder {
  boost::json::object config;
  std::map<std::string, HeldTensor> tensors;
  std::map<std::string, std::string> side_files;

  static ModelFolder read(const std::filesystem::path& folder);
  void write(const std::filesystem::path& folder) const;  // one file of weights
  HeldTensor& operator[](const std::string& name);        // which must be there
};

// Row i of the result is row order[i] of the tensor.
HeldTensor reordered(const HeldTensor& tensor, const std::vector<std::size_t>& order);
HeldTensor transposed(const HeldTensor& matrix);
HeldTensor joined(const std::vector<HeldTensor>& parts);                                            // along the first axis
HeldTensor rows_of(const HeldTensor& tensor, std::size_t begin, std::size_t end);
// Each element as a float, changed, and rounded to its own type again: BF16 and F32.
void change(HeldTensor& tensor, const std::function<float(float, std::size_t)>& change);
float rounded(float value, int mantissa_bits);  // to nearest, ties to even; exponents are not limited
HeldTensor widened(const HeldTensor& bf16);     // F32, with digits behind those of BF16

}  // namespace weighbridge::test
