#pragma once
// How two sets of tensors differ, and how that is told.

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/run.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

struct CompareOptions {
  unsigned threads{};                   // 0: as many as the machine has, at most 8
  std::uint64_t max_memory{256 << 20};  // bytes that the process may keep resident, its program included
  ProgressSink progress;                // of the bytes of one side; may be empty
  std::stop_token stop;                 // asked before every read
  Tuning tuning;                        // changes no result
};

enum class DifferenceKind : std::uint8_t {
  missing = 1,  // expected, but not there
  unexpected,   // there, but not expected
  dtype,
  shape,
  bits,         // same type and shape, other elements
};
std::string_view to_string(DifferenceKind kind);  // "missing", …

// One tensor that is not the same on both sides.
struct Difference {
  DifferenceKind kind{};
  std::string name;
  // What is found on either side, to be read by people: for dtype "BF16"; for shape "[4, 2]" (of a plan, which knows no
  // shapes, "16 bytes"); for bits the values of the first differing element, "1.5 (0x3fc0)"; for missing and unexpected
  // the side that has the tensor, "BF16 [4, 2]", the other one is empty.
  std::string expected, actual;

  // Of bits only.
  std::int64_t elements{};          // of the tensor
  std::int64_t differing{};         // of them; by their bits, so 0.0 and -0.0 differ and equal NaNs do not
  Shape first;                      // coordinates of the first that differs, in row-major order
  std::optional<double> max_abs_difference;  // of real floating point types, over differing pairs without a NaN
  std::int64_t not_numbers{};       // differing pairs of which an element is a NaN
};

struct Comparison {
  std::int64_t tensors{};               // whose elements were compared
  std::int64_t equal{};                 // of them
  std::uint64_t bytes{};                // of the compared tensors, of one side
  std::vector<Difference> differences;  // by name

  bool same() const { return differences.empty(); }
};

// {"same": …, "tensors": …, "equal": …, "bytes": …, "differences": [{"kind": "bits", "name": …, "expected": …,
// "actual": …, "elements": …, "differing": …, "first": [0, 1], "max_abs_difference": … or null, "not_numbers": …}]};
// fields of bits are there for bits only. A difference that is infinite is the string "inf".
boost::json::object to_json(const Comparison& comparison);
// Lines, each ended: a difference a line, at most `limit` of them, and a summary.
std::string to_text(const Comparison& comparison, std::size_t limit = 50);

}  // namespace weighbridge
