#pragma once
// Whether two matrices have the same rows, or columns, in another order.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace weighbridge {

// Both are row-major, of `rows` rows and `columns` elements of `element` bytes each. "the rows are in another order: row 0 is
// row 5's"; "the rows are moved by 1"; empty if neither rows nor columns are the same in another order.
std::string cause_by_order(std::span<const std::byte> expected, std::span<const std::byte> actual, std::int64_t rows, std::int64_t columns, std::size_t element);

}  // namespace weighbridge
