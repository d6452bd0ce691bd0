#pragma once
// Values of tokens: a row each.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {
namespace forward {

struct Matrix {
  std::int64_t rows{}, columns{};
  std::vector<float> values;  // row-major

  Matrix() = default;
  Matrix(std::int64_t row_count, std::int64_t column_count)
      : rows{row_count}, columns{column_count}, values(static_cast<std::size_t>(row_count * column_count)) {}
  float* row(std::int64_t i) { return values.data() + i * columns; }
  const float* row(std::int64_t i) const { return values.data() + i * columns; }
};

// That two have one shape; else a fault of whoever calls.
inline void same_shape(const Matrix& a, const Matrix& b) {
  if (a.rows != b.rows || a.columns != b.columns)
    throw std::invalid_argument("values of " + std::to_string(a.columns) + " and " + std::to_string(b.columns) + " features meet");
}

inline void add(Matrix& to, const Matrix& other) {
  same_shape(to, other);
  for (std::size_t i = 0; i < to.values.size(); ++i) to.values[i] += other.values[i];
}
inline void multiply(Matrix& to, const Matrix& other) {
  same_shape(to, other);
  for (std::size_t i = 0; i < to.values.size(); ++i) to.values[i] *= other.values[i];
}
inline void scale(Matrix& to, float factor) {
  for (auto& value : to.values) value *= factor;
}
// A bias; nothing where it is empty.
inline void add_row(Matrix& to, const std::vector<float>& bias) {
  if (bias.empty()) return;
  if (static_cast<std::int64_t>(bias.size()) != to.columns)
    throw std::invalid_argument("a bias of " + std::to_string(bias.size()) + " meets " + std::to_string(to.columns) + " features");
  for (std::int64_t i = 0; i < to.rows; ++i)
    for (std::int64_t j = 0; j < to.columns; ++j) to.row(i)[j] += bias[static_cast<std::size_t>(j)];
}

// Columns [begin, begin + count).
inline Matrix columns(const Matrix& of, std::int64_t begin, std::int64_t count) {
  if (begin < 0 || begin + count > of.columns)
    throw std::invalid_argument("columns up to " + std::to_string(begin + count) + " of " + std::to_string(of.columns));
  Matrix result{of.rows, count};
  for (std::int64_t i = 0; i < of.rows; ++i)
    for (std::int64_t j = 0; j < count; ++j) result.row(i)[j] = of.row(i)[begin + j];
  return result;
}
// Puts `part` at columns [begin, begin + part.columns).
inline void put_columns(Matrix& into, std::int64_t begin, const Matrix& part) {
  if (begin < 0 || begin + part.columns > into.columns || part.rows != into.rows)
    throw std::invalid_argument("columns up to " + std::to_string(begin + part.columns) + " of " + std::to_string(into.columns));
  for (std::int64_t i = 0; i < part.rows; ++i)
    for (std::int64_t j = 0; j < part.columns; ++j) into.row(i)[begin + j] = part.row(i)[j];
}

}  // namespace forward
}  // namespace sdk_v1
}  // namespace weighbridge
