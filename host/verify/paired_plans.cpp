#include "verify/paired_plans.hpp"

#include <algorithm>
#include <utility>

namespace weighbridge {
namespace {

void place(OutputTensor tensor, Plan& plan) {
  tensor.offset = plan.files[0].size;
  plan.files[0].size += tensor.bytes;
  plan.tensors.push_back(std::move(tensor));
}

}  // namespace

PairedPlans::PairedPlans(const Plan& expected, const LeafTensors& leaves, const std::vector<std::filesystem::path>& actual) : leaves_{&leaves} {
  expected_.sources = expected.sources;
  expected_.decoded = expected.decoded;
  expected_.files.push_back({"expected", 0});
  actual_.sources = actual;
  actual_.files.push_back({"actual", 0});
}

Status PairedPlans::add(const Expression& expression, const StoredTensor& stored, DType dtype) {
  const auto count = element_count(expression.shape).value_or(0);
  const auto bytes = static_cast<std::uint64_t>(byte_count(expression.shape, dtype).value_or(0));
  OutputTensor made{stored.name, 0, 0, bytes, dtype, expression.padded, {}};
  for (const auto& piece : expression.pieces)
    if (auto status = append_copies(piece.map, (*leaves_)[piece.leaf], dtype, piece.addend, made.copies); !status) return status;
  OutputTensor there{stored.name, 0, 0, bytes, dtype, false, {}};
  if (auto status = append_copies(identity_map(count), stored, dtype, 0, there.copies); !status) return status;
  order_copies(made.copies);
  order_copies(there.copies);
  if (expression.constant) {
    const auto filler = exact_bits(*expression.constant, dtype);
    if (!filler) return Error{Error::Kind::unsupported, "", stored.name, "its constant is no value of its type", "Keep the type of the model"};
    made.filler = *filler;
    made.padded = true;
  }
  pairs_.push_back({expected_.tensors.size(), actual_.tensors.size()});
  place(std::move(made), expected_);
  place(std::move(there), actual_);
  return done();
}

Result<std::vector<DifferingElements>> PairedPlans::compare(const CompareOptions& options) const {
  return streamed_comparison(expected_, actual_, pairs_, options);
}

StoredTensor leading_rows(const StoredTensor& tensor, std::int64_t rows) {
  StoredTensor result{tensor.name, tensor.dtype, tensor.shape, {}};
  result.shape.at(0) = rows;
  for (auto extent : tensor.extents) {
    extent.box.sizes[0] = std::min(extent.box.sizes[0], rows - extent.box.offsets[0]);
    if (extent.box.sizes[0] > 0) result.extents.push_back(std::move(extent));
  }
  return result;
}

}  // namespace weighbridge
