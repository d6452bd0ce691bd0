#pragma once
// The closing report of a conversion and the account of a plan, for people and for programs.

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "cli/conversions.hpp"

namespace weighbridge {

std::string_view to_string(Direction direction);  // "import", "export"

// Keys: command, source, destination, family {id, version}, architecture, bytes_read, bytes_written, bytes_resumed, already_done, seconds,
// gb_per_second, peak_memory_bytes, threads, tensors, notes, training_flags, warnings, files. `tensors` has a count
// `mapped` and, for tied, padded, dropped, synthesised and carried, {count, names: [{name, reason}]}. A gigabyte is
// 10^9 bytes; the rate counts the bytes written.
boost::json::object conversion_json(const Prepared& prepared, const RunReport& run);
// Lines for people, each ended. Names are listed where there are few, and always of what was dropped or synthesised.
std::string conversion_text(const Prepared& prepared, const RunReport& run);

// The parts that a plan's account shares with the report.
boost::json::object tensors_json(const Conversion& conversion);
std::string tensors_text(const Conversion& conversion);
boost::json::array strings_json(const std::vector<std::string>& strings);
// Notes, and the training flags as a block for a command line.
std::string notes_text(const Conversion& conversion);

}  // namespace weighbridge
