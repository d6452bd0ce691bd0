#pragma once
// Leaves of equations as stored tensors that copies can be made of, decoded ones included.

#include <cstdint>
#include <vector>

#include "mapping/expression.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// By leaf. What is decoded is made when it is asked for: a large model has a hundred thousand.
class LeafTensors {
 public:
  StoredTensor operator[](std::size_t leaf) const;
  DType dtype(std::size_t leaf) const { return of_[leaf].stored ? of_[leaf].stored->dtype : DType::f32; }
  void reserve(std::size_t leaves) { of_.reserve(leaves); }
  void add(const StoredTensor& stored) { of_.push_back({&stored, nullptr, 0}); }  // which must outlive this, as must a leaf
  // What is decoded from others, as source number `number` of a plan.
  void add_decoded(const Leaf& leaf, std::uint32_t number) { of_.push_back({nullptr, &leaf, number}); }

 private:
  struct Of {
    const StoredTensor* stored;
    const Leaf* decoded;
    std::uint32_t number;
  };
  std::vector<Of> of_;
};

// Every leaf on disk must be in `source`, which with `algebra` must outlive the result and whose files must be the first of plan.sources;
// decoded ones are added to plan.decoded and are F32. Error, Error::Kind::unsupported or mismatch: encoded data or scales in
// strides or of another type than the codec's.
Result<LeafTensors> tensors_of_leaves(const Algebra& algebra, const Catalogue& source, Plan& plan);

}  // namespace weighbridge
