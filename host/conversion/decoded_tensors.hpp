#pragma once
// Leaves of equations as stored tensors that copies can be made of, decoded ones included.

#include <deque>
#include <utility>
#include <vector>

#include "mapping/expression.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// By leaf.
class LeafTensors {
 public:
  const StoredTensor& operator[](std::size_t leaf) const { return *of_[leaf]; }
  void reserve(std::size_t leaves) { of_.reserve(leaves); }
  void add(const StoredTensor& stored) { of_.push_back(&stored); }  // which must outlive this
  void add_made(StoredTensor made) { of_.push_back(&made_.emplace_back(std::move(made))); }

 private:
  std::deque<StoredTensor> made_;
  std::vector<const StoredTensor*> of_;
};

// Every leaf on disk must be in `source`, which must outlive the result and whose files must be the first of plan.sources;
// decoded ones are added to plan.decoded and are F32. Error, Error::Kind::unsupported or mismatch: encoded data or scales in
// strides or of another type than the codec's.
Result<LeafTensors> tensors_of_leaves(const Algebra& algebra, const Catalogue& source, Plan& plan);

}  // namespace weighbridge
