#pragma once
// Values between the two sides of the plugin boundary, and between the two documents.

#include <weighbridge/abi.h>

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace weighbridge {

// A plugin's string, which lives as long as the plugin says; and a copy of it.
inline std::string_view view(wb_string text) { return text.data ? std::string_view{text.data, text.size} : std::string_view{}; }
inline std::string text(wb_string value) { return std::string{view(value)}; }

// A plugin's value; nothing if it is of no known kind.
std::optional<boost::json::value> made_value(const wb_value& value);

// A value of either document, without what run_config.yaml says of Python: `_target_` of objects is left out, and a reference to
// a dtype becomes its name.
boost::json::value without_python(const boost::json::value& value);

}  // namespace weighbridge
