#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>
#include <limits>

#include "checkpoints/yaml_document.hpp"

namespace weighbridge {
namespace {

using ::testing::HasSubstr;

boost::json::value parsed(std::string_view text) {
  auto value = parse_yaml(text, "run_config.yaml");
  EXPECT_TRUE(value) << (value ? "" : value.error().text());
  return value ? *value : boost::json::value{};
}

Error fault(std::string_view text) {
  auto value = parse_yaml(text, "run_config.yaml");
  EXPECT_FALSE(value);
  return value ? Error{} : value.error();
}

TEST(MegatronYaml, ResolvesPlainScalarsAsPyYamlDoes) {
  const auto value = parsed(
      "a: 5\nb: -12\nc: 0x1F\nd: 010\ne: 0b101\nf: 1_000\ng: 1.0e-05\nh: 500000.0\ni: .5\nj: yes\nk: Off\nl: null\nm: "
      "~\nn:\n"
      "o: rope\np: 'yes'\nq: \"5\"\nr: 1e-05\ns: 1.2.3\nt: 12:30\nu: 2026-11-25\nv: 0o17\nw: _1\n");
  EXPECT_EQ(value,
            boost::json::parse(R"({"a":5,"b":-12,"c":31,"d":8,"e":5,"f":1000,"g":1e-5,"h":500000.0,"i":0.5,"j":true,
    "k":false,"l":null,"m":null,"n":null,"o":"rope","p":"yes","q":"5","r":1e-5,"s":"1.2.3","t":"12:30","u":"2026-11-25",
    "v":"0o17","w":"_1"})"));
}

TEST(MegatronYaml, ReadsInfinitiesAndNumbersBeyond64Bits) {
  const auto value = parsed("a: .inf\nb: -.inf\nc: .nan\nd: 18446744073709551616\n");
  EXPECT_EQ(value.at("a").as_double(), std::numeric_limits<double>::infinity());
  EXPECT_EQ(value.at("b").as_double(), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(value.at("c").as_double()));
  EXPECT_EQ(value.at("d").as_double(), 18446744073709551616.0);
}

TEST(MegatronYaml, TreatsTagsAsData) {
  EXPECT_EQ(parsed("a: !!set\n  q: null\n  k: null\nb: !!python/tuple [47, 0]\nc: !!str 5\n"
                   "d: !!python/object/apply:some.kind.of.Enum [1]\n"),
            boost::json::parse(R"({"a":["q","k"],"b":[47,0],"c":"5","d":[1]})"));
}

TEST(MegatronYaml, RefusesTagsThatAskForAProgram) {
  for (const auto* tag : {"!!python/object/apply:os.system", "!!python/object/new:subprocess.Popen", "!!python/name:builtins.eval", "!!python/module:os"})
    EXPECT_THAT(fault(std::string{"a:\n  b: "} + tag + " ['true']\n").problem, HasSubstr("could run programs")) << tag;
}

TEST(MegatronYaml, FollowsAliases) {
  EXPECT_EQ(parsed("a: &x [1, 2]\nb: *x\n"), boost::json::parse(R"({"a":[1,2],"b":[1,2]})"));
}

TEST(MegatronYaml, RefusesAliasBombs) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) text += (k ? ", *a" : "*a") + std::to_string(i - 1);
    text += "]\n";
  }
  const auto error = fault(text);
  EXPECT_EQ(error.kind, Error::Kind::format);
  EXPECT_EQ(error.file, "run_config.yaml");
  EXPECT_THAT(error.problem, HasSubstr("values when aliases are followed"));
}

TEST(MegatronYaml, RefusesDepthAndSelfReference) {
  EXPECT_THAT(fault(std::string(100, '[') + std::string(100, ']')).problem, HasSubstr("nested more than 64 levels"));
  EXPECT_THAT(fault(std::string(100'000, '[')).problem, HasSubstr("is no YAML"));
  EXPECT_THAT(fault("a: &a [*a]\n").problem, HasSubstr("nested more than 64 levels"));
}

TEST(MegatronYaml, RefusesBytesThatAreNoUtf8) {
  EXPECT_EQ(fault("a: \xed\xff\xff\n").problem, "holds no UTF-8 at byte 3");
  EXPECT_EQ(fault(std::string{"a\0b\0", 4}).problem, "holds a zero byte at byte 1");
}

TEST(MegatronYaml, RefusesKeysThatCouldNotBeWrittenBack) {
  EXPECT_EQ(fault("a: 1\n" + std::string(251, 'k') + ": 2\n").problem, "has a key of more than 250 bytes");
}

TEST(MegatronYaml, NamesTheLineOfAFault) {
  EXPECT_EQ(fault("a: 1\nb: 2\na: 3\n").subject, "line 3");
  EXPECT_THAT(fault("a: 1\nb: 2\na: 3\n").problem, HasSubstr("'a' occurs twice"));
  EXPECT_THAT(fault("a: [1, 2\nb: 3\n").problem, HasSubstr("is no YAML"));
  EXPECT_THAT(fault("? [1, 2]\n: 3\n").problem, HasSubstr("key that is no text"));
  EXPECT_THAT(fault(std::string((16 << 20) + 1, ' ')).problem, HasSubstr("larger than 16 MiB"));
}

TEST(MegatronYaml, WritesAsSafeDumpDoes) {
  const auto value = boost::json::parse(R"({"model":{"_target_":"a.B","window_size":[47,0],"args":[],"kw":{},
    "layernorm_epsilon":1e-5,"rotary_base":500000.0,"big":1e22,"n":null,"t":true,
    "lists":[[1,2],{"b":1,"a":[3]}]},"a":-3})");
  EXPECT_EQ(write_yaml(value),
            "a: -3\n"
            "model:\n"
            "  _target_: a.B\n"
            "  args: []\n"
            "  big: 1.0e+22\n"
            "  kw: {}\n"
            "  layernorm_epsilon: 1.0e-05\n"
            "  lists:\n"
            "  - - 1\n"
            "    - 2\n"
            "  - a:\n"
            "    - 3\n"
            "    b: 1\n"
            "  n: null\n"
            "  rotary_base: 500000.0\n"
            "  t: true\n"
            "  window_size:\n"
            "  - 47\n"
            "  - 0\n");
}

TEST(MegatronYaml, QuotesTextThatWouldMeanSomethingElse) {
  const auto line = [](std::string_view text) {
    return write_yaml(boost::json::object{{"k", boost::json::string(text)}});
  };
  EXPECT_EQ(line(""), "k: ''\n");
  EXPECT_EQ(line("yes"), "k: 'yes'\n");
  EXPECT_EQ(line("10"), "k: '10'\n");
  EXPECT_EQ(line("1.5"), "k: '1.5'\n");
  EXPECT_EQ(line("2026-11-25"), "k: '2026-11-25'\n");
  EXPECT_EQ(line("12:30"), "k: '12:30'\n");
  EXPECT_EQ(line("a: b"), "k: 'a: b'\n");
  EXPECT_EQ(line("a #b"), "k: 'a #b'\n");
  EXPECT_EQ(line("it's"), "k: it's\n");
  EXPECT_EQ(line("'quoted'"), "k: '''quoted'''\n");
  EXPECT_EQ(line("*M|-E"), "k: '*M|-E'\n");
  EXPECT_EQ(line("- a"), "k: '- a'\n");
  EXPECT_EQ(line("-a"), "k: -a\n");
  EXPECT_EQ(line("a\nb\t\"c\""), "k: \"a\\nb\\t\\\"c\\\"\"\n");
  EXPECT_EQ(line("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80"), "k: \"gr\\xFC\\xDF \\U0001F600\"\n");
  EXPECT_EQ(line("meta/llama"), "k: meta/llama\n");
}

TEST(MegatronYaml, ReadsBackWhatItWrites) {
  const auto value =
      boost::json::parse(R"({"a":[1,-2,2.5,1e-30,"x","1e5","0x10","null","~","",true,null,[],{},[[]],[{"b":{}}]],
    "b c":{"yes":"no","#":"# x","-":"- "}})");
  EXPECT_EQ(parsed(write_yaml(value)), value);
}

}  // namespace
}  // namespace weighbridge
