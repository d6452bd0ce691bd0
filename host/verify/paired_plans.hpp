#pragma once
// What an expression makes of the tensors of one checkpoint, beside what another one stores: two plans, one tensor of each
// a pair.

#include <cstddef>
#include <span>
#include <vector>

#include "conversion/decoded_tensors.hpp"
#include "mapping/copies.hpp"
#include "mapping/expression.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"
#include "verify/streamed_comparison.hpp"

namespace weighbridge {

class PairedPlans {
 public:
  // `expected` has the sources, decoded ones too, that `leaves` are in; it and the files of `actual` are copied, `leaves`
  // must outlive this.
  PairedPlans(const Plan& expected, const LeafTensors& leaves, const std::vector<std::filesystem::path>& actual);

  // The expression's value and the tensor, of one shape, both in `dtype`. Padding of the expression is 0. Error: elements
  // that cannot be computed with, or that fall into too many pieces; then nothing is added.
  Status add(const Expression& expression, const StoredTensor& stored, DType dtype);

  std::size_t size() const { return pairs_.size(); }
  const Plan& expected() const { return expected_; }
  const Plan& actual() const { return actual_; }
  // One result a pair, in the order in which they were added.
  Result<std::vector<DifferingElements>> compare(const CompareOptions& options) const;

 private:
  const LeafTensors* leaves_;
  Plan expected_, actual_;
  std::vector<PlannedPair> pairs_;
};

// The first `rows` entries of the tensor's first axis.
StoredTensor leading_rows(const StoredTensor& tensor, std::int64_t rows);

}  // namespace weighbridge
