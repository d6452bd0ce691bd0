#pragma once
// Loop nests in bytes: a plan's copy in the form that the engine cuts and carries out.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// One level of a nest; steps are in bytes.
struct Step {
  std::int64_t extent{};
  std::int64_t source{};
  std::int64_t target{};
  friend bool operator==(const Step&, const Step&) = default;
};

// target[target + sum(i_k * steps[k].target)] = source[source + sum(i_k * steps[k].source)], elements of the given
// widths. In canonical form: extents above 1, target steps above 0 and descending, no two levels where one would do.
struct Nest {
  static constexpr std::size_t kMaxDepth = 12;
  std::array<Step, kMaxDepth> levels{};
  std::size_t depth{};
  bool empty{};           // some extent was zero
  std::int64_t source{};  // byte in the source file of the element whose target is lowest
  std::int64_t target{};  // byte in the output tensor
  std::int64_t source_width{};
  std::int64_t target_width{};

  std::span<const Step> steps() const { return {levels.data(), depth}; }
};

// Half-open byte ranges that hold every element of a nest.
struct Bounds {
  std::int64_t source_begin{}, source_end{};
  std::int64_t target_begin{}, target_end{};
};
Bounds bounds(const Nest& nest);
std::int64_t elements(const Nest& nest);  // 0 if empty

// The same nest over a source whose elements are `width` bytes wide.
Nest over_elements_of(Nest nest, std::int64_t width);

// Brings a nest whose target steps are positive to canonical form.
void simplify(Nest& nest);

// The copy in bytes. Types of 4 and 6 bits are moved in the smallest groups that fill whole bytes. An error (without
// file and subject) if the copy does not write each of its elements once, has too many levels, cuts a byte, or its
// numbers overflow; so nothing computed from the result overflows.
Result<Nest> nest_of(const Copy& copy, DType target_dtype);

// Calls `visit` with nests that together have exactly those elements of `nest` whose target lies in the window
// [begin, end). The window must not cut an element. The nests visited are in canonical form.
void clip(const Nest& nest, std::int64_t begin, std::int64_t end, const std::function<void(const Nest&)>& visit);

}  // namespace weighbridge
