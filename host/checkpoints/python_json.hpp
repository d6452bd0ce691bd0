#pragma once
// JSON as Python's json module reads and writes it, which is what every tool around Hugging Face checkpoints uses: the
// bare tokens NaN, Infinity and -Infinity are values, and numbers are written as Python's repr() prints them.

#include <boost/json/value.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "tensor/result.hpp"

namespace weighbridge {

// Integers that no 64-bit type holds (1000000000000000019884624838656 is a popular one). The tree has them as the
// nearest double; this has their digits by it.
using WideIntegers = std::map<double, std::string>;

struct PythonJson {
  boost::json::value root;
  WideIntegers wide_integers;
};

// Strict but for the three tokens above: a repeated key, more than 128 levels, more than 64 MiB, malformed UTF-8 or
// trailing text are errors of kind `format` that name `file` and the line; so are a number that no
// double comes near, and two different wide integers with one nearest double. Objects keep the order of their keys.
Result<PythonJson> parse_python_json(std::string_view text, const std::filesystem::path& file);
// The same of a file's content; Error::Kind::io if it cannot be read.
Result<PythonJson> read_python_json(const std::filesystem::path& file);

struct JsonStyle {
  int indent = 2;            // spaces a level; 0 writes compact lines: {"a":1,"b":[1,2]}
  bool sort_keys = false;    // by code point, at every level
  bool ensure_ascii = true;  // every other character as \uXXXX
};

// What json.dumps(value, indent=…, sort_keys=…, ensure_ascii=…) gives, without a line feed at the end.
std::string python_json(const boost::json::value& value, const JsonStyle& style = {},
                        const WideIntegers& wide_integers = {});

// repr(value): the shortest digits that read back the same: 1e-05, 0.02, 500000.0, 1e+16, nan, inf. JSON writes the
// last two as NaN and Infinity.
std::string python_float(double value);

}  // namespace weighbridge
