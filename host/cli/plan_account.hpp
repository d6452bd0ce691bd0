#pragma once
// What a plan reads and writes, for people and for programs.

#include <boost/json/object.hpp>
#include <string>

#include "cli/conversions.hpp"

namespace weighbridge {

// Keys: command ("plan"), direction, source, destination, family, architecture, planning_seconds, input_bytes,
// output_bytes, copies, max_memory_bytes, coverage, tensors (as in the report), notes, training_flags, sources [path],
// files [{path, bytes, tensors}], carried [{source, path}] and, with `each_tensor`,
// output_tensors [{name, file, offset, bytes, dtype, padded, copies, sources}].
boost::json::object plan_json(const Prepared& prepared, const Options& options, bool each_tensor);
std::string plan_text(const Prepared& prepared, const Options& options, bool each_tensor);

}  // namespace weighbridge
