#pragma once
// How far two results of the same tokens lie apart.

#include <cstdint>

namespace weighbridge {

// Of results a and b, [tokens, columns]. A value that is no number counts as infinitely far.
struct StateDifference {
  double relative{};              // max |a - b| / max |b|
  double worst_token{};           // the same of a token's row alone, of the worst of them
  std::int64_t token{};           // that one
  std::int64_t same_choice{};     // tokens of which both have their largest value in the same column
};

// Rows of `a` and `b` may be longer than `columns`, the first of which count.
StateDifference state_difference(const float* a, std::int64_t a_columns, const float* b, std::int64_t b_columns, std::int64_t tokens,
                                 std::int64_t columns);

}  // namespace weighbridge
