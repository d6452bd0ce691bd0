#pragma once
// JSON files in which nothing may be ambiguous.

#include <string_view>

#include <boost/json/value.hpp>

#include "tensor/result.hpp"

namespace weighbridge {

// Parses one JSON text. Unlike for boost::json::parse, a key that an object holds twice is an error, and so is a number
// beyond the range of a double. `file` is for
// messages.
Result<boost::json::value> parse_strict_json(std::string_view text, std::string_view file);

}  // namespace weighbridge
