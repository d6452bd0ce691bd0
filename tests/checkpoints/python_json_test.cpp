#include "checkpoints/python_json.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

using testing::HasSubstr;

std::string rewritten(std::string_view text, const JsonStyle& style = {.indent = 0}) {
  const auto json = parse_python_json(text, "config.json");
  return json ? python_json(json->root, style, json->wide_integers) : "error: " + json.error().text();
}

Error error_of(std::string_view text) {
  auto json = parse_python_json(text, "config.json");
  EXPECT_FALSE(json) << text;
  return json ? Error{} : json.error();
}

TEST(PythonFloat, IsReprOfTheValue) {
  EXPECT_EQ(python_float(1e-5), "1e-05");
  EXPECT_EQ(python_float(1e-6), "1e-06");
  EXPECT_EQ(python_float(0.0001), "0.0001");
  EXPECT_EQ(python_float(0.02), "0.02");
  EXPECT_EQ(python_float(10000.0), "10000.0");
  EXPECT_EQ(python_float(500000.0), "500000.0");
  EXPECT_EQ(python_float(1e15), "1000000000000000.0");
  EXPECT_EQ(python_float(1e16), "1e+16");
  EXPECT_EQ(python_float(1.5e-7), "1.5e-07");
  EXPECT_EQ(python_float(-0.0), "-0.0");
  EXPECT_EQ(python_float(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(python_float(123456.789), "123456.789");
  EXPECT_EQ(python_float(5e-324), "5e-324");
  EXPECT_EQ(python_float(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(python_float(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(python_float(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(python_float(std::nan("")), "nan");
}

TEST(PythonJson, NumbersKeepTheirTypeAndValue) {
  EXPECT_EQ(rewritten("[1E5,1.0e+2,-0,-0.0,1e-5,3]"), "[100000.0,100.0,0,-0.0,1e-05,3]");
  EXPECT_EQ(rewritten("[9223372036854775807,18446744073709551615,-9223372036854775808]"),
            "[9223372036854775807,18446744073709551615,-9223372036854775808]");
  EXPECT_EQ(rewritten("[1000000000000000019884624838656,2.5]"), "[1000000000000000019884624838656,2.5]");
  EXPECT_EQ(rewritten("[7.038531e-26,9007199254740993.0]"), "[7.038531e-26,9007199254740992.0]");
  EXPECT_EQ(rewritten("[1e308,-1e308,1e-999]"), "[1e+308,-1e+308,0.0]");
  for (const auto* text : {"[1e999]", "[-1e999]"}) EXPECT_THAT(error_of(text).problem, HasSubstr("a number too large to be kept"));
}

TEST(PythonJson, BareInfinityAndNaNAreValues) {
  EXPECT_EQ(rewritten(R"({"time_step_limit": [0.0, Infinity], "a": -Infinity, "b": NaN, "NaN": "-Infinity \" NaN"})"),
            R"({"time_step_limit":[0.0,Infinity],"a":-Infinity,"b":NaN,"NaN":"-Infinity \" NaN"})");
  const auto json = parse_python_json("[1, 2.5, Infinity, 3]", {});
  ASSERT_TRUE(json);
  EXPECT_EQ(json->root.at(0).as_int64(), 1);
  EXPECT_EQ(json->root.at(1).as_double(), 2.5);
  EXPECT_TRUE(std::isinf(json->root.at(2).as_double()));
  EXPECT_EQ(json->root.at(3).as_int64(), 3);
}

TEST(PythonJson, WritesAsJsonDumpsDoes) {
  const auto text = R"({"b": [1, [], {}], "a": {"y": null, "x": true}})";
  EXPECT_EQ(rewritten(text, {.indent = 2}), R"({
  "b": [
    1,
    [],
    {}
  ],
  "a": {
    "y": null,
    "x": true
  }
})");
  EXPECT_EQ(rewritten(text, {.indent = 0, .sort_keys = true}), R"({"a":{"x":true,"y":null},"b":[1,[],{}]})");
}

TEST(PythonJson, EscapesAsPythonDoes) {
  const auto text = "[\"caf\u00e9 \u2581 \U0001F600 \\u007f\\b\\f\\n\\r\\t\\u0001\\\"\\\\/\"]";
  EXPECT_EQ(rewritten(text, {.indent = 0, .ensure_ascii = true}),
            R"(["caf\u00e9 \u2581 \ud83d\ude00 \u007f\b\f\n\r\t\u0001\"\\/"])");
  EXPECT_EQ(rewritten(text, {.indent = 0, .ensure_ascii = false}),
            "[\"caf\u00e9 \u2581 \U0001F600 \x7f\\b\\f\\n\\r\\t\\u0001\\\"\\\\/\"]");
}

TEST(PythonJson, ARepeatedKeyIsNamed) {
  const auto error = error_of("{\"a\": 1,\n \"deep\": {\"b\": 1, \"b\": 2}}");
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_EQ(error.file, "config.json");
  EXPECT_EQ(error.subject, "b");
  EXPECT_THAT(error.problem, HasSubstr("twice"));
  EXPECT_THAT(error.problem, HasSubstr("line 2"));
  EXPECT_FALSE(error.remedy.empty());
}

TEST(PythonJson, BrokenTextIsRefusedWithItsPlace) {
  EXPECT_THAT(error_of("{\"a\": 1,\n}").problem, HasSubstr("line 2 column 1"));
  for (const auto* text : {"", "{", "{\"a\": }", "[1,]", "[1] x", "nul", "[+1]", "[01]", "[Infinit]", "[NaNs]",
                           "[--Infinity]", "\"\xff\"", "{'a': 1}", "[1 2]", "\"open"}) {
    const auto error = error_of(text);
    EXPECT_EQ(error.kind, Error::Kind::format) << text;
    EXPECT_EQ(error.file, "config.json") << text;
    EXPECT_THAT(error.problem, HasSubstr("is not JSON")) << text;
  }
}

TEST(PythonJson, DepthIsLimited) {
  const auto nested = [](std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); };
  EXPECT_EQ(rewritten(nested(128)), nested(128));
  EXPECT_THAT(error_of(nested(129)).problem, HasSubstr("more than 128 levels"));
  EXPECT_THAT(error_of(std::string(1'000'000, '[')).problem, HasSubstr("more than 128 levels"));
}

TEST(PythonJson, SizeIsLimited) {
  const std::string limit(std::size_t{64} << 20, ' ');
  EXPECT_THAT(error_of(limit + " ").problem, HasSubstr("67108865 bytes of JSON"));
}

TEST(PythonJson, IntegersThatCannotBeKeptAreRefused) {
  EXPECT_THAT(error_of("[1000000000000000000000000000000,1000000000000000000000000000001]").problem,
              HasSubstr("integer too large to be kept"));
  EXPECT_THAT(error_of(std::string(400, '9')).problem, HasSubstr("integer too large to be kept"));
}

TEST(PythonJson, AMissingFileIsNamed) {
  const test::TemporaryFolder folder;
  const auto json = read_python_json(folder.path() / "config.json");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().kind, Error::Kind::io);
  EXPECT_EQ(json.error().file, (folder.path() / "config.json").string());
}

}  // namespace
}  // namespace weighbridge
