#pragma once
// The parallel layouts and storages that a family is proven in.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "conversion/conversion.hpp"

namespace weighbridge {

struct ProofLayout {
  std::string text;  // as options of the command line; "one rank" without any
  MegatronTarget target;
};

// Those that a model of this document can have; `all`, or two.
std::vector<ProofLayout> proof_layouts(const boost::json::object& document, bool all);

}  // namespace weighbridge
