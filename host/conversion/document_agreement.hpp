#pragma once
// Whether two Megatron documents describe one model.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

namespace weighbridge {

// The fields that decide what a model computes and how its tensors are laid out, where both documents state them and
// differ: "num_layers is 4 and 6". Fields of training, kernels and parallel layout are nobody's business here.
std::vector<std::string> architecture_differences(const boost::json::object& one, const boost::json::object& other);

}  // namespace weighbridge
