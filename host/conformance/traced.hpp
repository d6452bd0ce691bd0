#pragma once
// Expressions evaluated the plain way, one element at a time, from the trees that the plugin asked for: which element of which
// tensor each element is. It shares nothing with the maps that conversions are planned with.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conformance/recorded_call.hpp"

namespace weighbridge {

struct TracedElement {
  std::int32_t tensor{-1};  // of Tracer::tensors(); -1: of none, a zero
  bool echo{};
  std::uint32_t cast{};  // WB_DTYPE_* it is cast to; 0: none
  std::int64_t index{};  // row-major
  double addend{};       // of padding and fill the number itself
};

struct Traced {
  Shape shape;
  std::vector<TracedElement> elements;  // row-major
  std::vector<std::int64_t> parts;      // extents along `axis`, of a concatenation
  std::size_t axis{};
};

struct TracedTensor {
  std::string name;
  Shape shape;
};

class Tracer {
 public:
  explicit Tracer(const std::vector<RecordedNode>& nodes) : nodes_{nodes} {}
  // Of an expression that is not made up. The result lives as long as the tracer.
  const Traced& of(std::uint32_t handle);
  const std::vector<TracedTensor>& tensors() const { return tensors_; }
  std::int32_t tensor(const std::string& name, const Shape& shape);  // its number

 private:
  Traced evaluate(const RecordedNode& node);

  const std::vector<RecordedNode>& nodes_;
  std::map<std::uint32_t, std::unique_ptr<Traced>> traced_;
  std::vector<TracedTensor> tensors_;
  std::map<std::string, std::int32_t> numbers_;
};

}  // namespace weighbridge
