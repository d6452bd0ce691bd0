#pragma once
// What a plain YAML scalar means.

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace weighbridge {

// The value of a scalar without quotes and tag by PyYAML's resolver: null, boolean, integer, float. Nothing if it is
// text. Numbers to base 60 and dates count as text; a float may lack its dot (1e-05).
std::optional<boost::json::value> resolve_plain_scalar(std::string_view text);

// `text` as a scalar that PyYAML reads back as this very text: plain where that is possible, else in single quotes, or
// in double quotes with escapes if it holds control characters or anything beyond ASCII.
std::string write_yaml_text(std::string_view text);

}  // namespace weighbridge
