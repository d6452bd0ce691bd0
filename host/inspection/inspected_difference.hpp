#pragma once
// In what two checkpoints of one kind differ, without a look at their elements.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "inspection/inspection.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct FieldDifference {
  std::string path;  // "rope_scaling.factor"
  boost::json::value one, other;
  bool in_one{}, in_other{};
};

struct TensorDifference {
  std::string name;
  DType one_dtype{}, other_dtype{};
  Shape one_shape, other_shape;
};

struct InspectedDifference {
  std::vector<FieldDifference> fields;   // of config.json, or of the Megatron documents
  std::vector<std::string> only_in_one;  // tensors
  std::vector<std::string> only_in_other;
  std::vector<TensorDifference> tensors;  // of another type or shape

  bool none() const { return fields.empty() && only_in_one.empty() && only_in_other.empty() && tensors.empty(); }
};

// Error::Kind::usage for two kinds.
Result<InspectedDifference> difference(const Inspection& one, const Inspection& other);

boost::json::object to_json(const InspectedDifference& difference);
// Lines, each ended: "-" is only in the first, "+" only in the second, "~" in both.
std::string to_text(const InspectedDifference& difference);

}  // namespace weighbridge
