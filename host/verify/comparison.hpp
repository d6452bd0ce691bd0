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
#include "tensor/dtype.hpp"
#include "tensor/shape.hpp"
#include "verify/differing_elements.hpp"

namespace weighbridge {

struct CompareOptions {
  unsigned threads{};                   // 0: as many as the machine has, at most 8
  std::uint64_t max_memory{256 << 20};  // bytes that the process may keep resident, its program included
  ProgressSink progress;                // of the bytes of one side; may be empty
  std::stop_token stop;                 // asked before every read
  Tuning tuning;                        // changes no result
  Tolerance tolerance;                  // of values of real numbers; a type or shape has none
  bool diagnose{};                      // look for the causes of differences, which reads those tensors again
  bool first_difference{};              // stop looking at a tensor once it is known to differ
};

enum class DifferenceKind : std::uint8_t {
  missing = 1,  // expected, but not there
  unexpected,   // there, but not expected
  dtype,
  shape,
  bits,         // same type and shape, other elements
  copy,         // not the same as what it must be a copy of
  config,       // a field
  file,         // a file beside the weights
};
std::string_view to_string(DifferenceKind kind);  // "missing", …

// One thing that is not the same on both sides: a tensor, but for the kinds config and file.
struct Difference {
  DifferenceKind kind{};
  std::string name;
  // What is found on either side, to be read by people: for dtype "BF16"; for shape "[4, 2]"; for bits the values of the
  // first differing element, "1.5 (0x3fc0)"; for missing and unexpected the side that has the tensor, "BF16 [4, 2]", the
  // other one is empty; of a field its value; of a file or copy, words or nothing.
  std::string expected, actual;

  // Of bits; of dtype too, where the values of both could be compared.
  std::int64_t elements{};          // of the tensor; 0 if none were compared
  std::int64_t differing{};         // of them; by their bits, so 0.0 and -0.0 differ and equal NaNs do not
  Shape first;                      // coordinates of the first that differs, in row-major order
  std::string other;                // the tensor of the other checkpoint that this element comes from, where it has another name
  Shape other_first;                // its coordinates there
  std::optional<double> max_abs_difference;       // of real floating point types, over differing pairs without a NaN
  std::optional<double> max_relative_difference;  // likewise, to the larger of the two
  std::int64_t not_numbers{};       // differing pairs of which an element is a NaN

  std::string cause;  // what it looks like, in words; empty if nobody knows
};

// A tensor whose elements were compared.
struct ComparedTensor {
  std::string name;
  DType dtype{};  // in which they were
  Shape shape;
  std::int64_t differing{};
  std::optional<double> max_abs_difference, max_relative_difference;
};

struct Comparison {
  std::int64_t tensors{};               // whose elements were compared
  std::int64_t equal{};                 // of them, bit for bit
  std::int64_t close{};                 // of them, different within the tolerance
  std::uint64_t bytes{};                // of the compared tensors, of one side
  std::vector<ComparedTensor> compared; // each of them
  std::vector<Difference> differences;  // by name
  std::vector<std::string> notes;       // one sentence each, without a full stop

  bool same() const { return differences.empty(); }
};

// {"same": …, "tensors": …, "equal": …, "close": …, "bytes": …, "differences": [{"kind": "bits", "name": …, "expected": …,
// "actual": …, "cause": …, "elements": …, "differing": …, "first": [0, 1], "other": …, "other_first": [0, 1],
// "max_abs_difference": … or null, "max_relative_difference": … or null, "not_numbers": …}], "notes": […]}; fields of elements
// are there only where elements were compared. A difference that is infinite is the string "inf".
// With `tensors` also "compared": [{"name": …, "dtype": …, "shape": […], "differing": …, "max_abs_difference": …,
// "max_relative_difference": …}].
boost::json::object to_json(const Comparison& comparison, bool tensors = false);
// Lines, each ended: with `tensors` each compared tensor; a difference a line, at most `limit` of them; and a summary.
std::string to_text(const Comparison& comparison, bool tensors = false, std::size_t limit = 50);

}  // namespace weighbridge
