#pragma once
// Whether two configurations mean one model, field by field.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "verify/comparison.hpp"

namespace weighbridge {

struct ConfigComparison {
  std::vector<Difference> differences;  // of kind config: fields that decide what the model computes
  std::vector<std::string> settings;    // "seq_length is 4096, expected 131072": of training and context, which may differ
};

// `expected`: the Megatron document that a family makes of a config.json; `actual` that of a checkpoint. Looked at is what the
// family states; and what it does not state, where the checkpoint says that the model has it: a window, experts. Numbers
// are compared as numbers. Kernels, parallel layout and initialisation are nobody's business.
ConfigComparison compare_documents(const boost::json::object& expected, const boost::json::object& actual);

// Two config.json, each field, whatever it means: "text_config.rope_theta".
std::vector<Difference> compare_json(const boost::json::object& expected, const boost::json::object& actual, const std::string& file);

}  // namespace weighbridge
