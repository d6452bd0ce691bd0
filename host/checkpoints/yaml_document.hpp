#pragma once
// YAML as PyYAML's safe_load and safe_dump read and write it, as data.

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "tensor/result.hpp"

namespace weighbridge {

// One document. Plain scalars are resolved by PyYAML's rules of YAML 1.1: yes and off are booleans, 0o17 is text, .inf
// is a number; but 1e-05 without a dot, text there, is read as a number, and numbers to base 60 and dates are text.
// `!!set` becomes a list of its members, `!!python/tuple` a list; other tags are dropped, whatever they ask for.
// Aliases are followed.
// Errors, naming `file`: malformed YAML with its line, more than 16 MiB, more than 64 levels, more than a million
// values with aliases followed, a key that is no scalar or occurs twice.
Result<boost::json::value> parse_yaml(std::string_view text, std::string_view file);

// yaml.safe_dump(value): block style, keys sorted by code point, floats as 1.0e-05, text quoted where a reader would
// take it for something else. Long lines are not folded.
std::string write_yaml(const boost::json::value& value);

}  // namespace weighbridge
