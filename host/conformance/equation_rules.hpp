#pragma once
// What can be said of equations without any weights.

#include <boost/json/object.hpp>
#include <vector>

#include "conformance/check_list.hpp"
#include "conformance/recorded_call.hpp"
#include "conformance/traced.hpp"

namespace weighbridge {

// Violations of the equations that a check gave, `family` and `check` being names for them. `document`: the Megatron document
// of the same configuration.
void check_element_use(const Recording& stated, Tracer& tracer, std::vector<Violation>& violations);
void check_parameters(const Recording& stated, const boost::json::object& document, std::vector<Violation>& violations);
void check_tensor_list(const Recording& stated, const Check& check, std::vector<Violation>& violations);

// The equations whose expressions could be made, as numbers of stated.set.equations.
std::vector<std::size_t> traceable(const Recording& stated);

}  // namespace weighbridge
