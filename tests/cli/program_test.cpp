#include "cli/program.hpp"

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "cli/run_words.hpp"

namespace weighbridge {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

TEST(Program, TellsItsVersion) {
  const auto ran = run_words({"--version"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_THAT(ran.out, MatchesRegex("weighbridge [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Program, HelpsWithEveryCommand) {
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"import"}, {"export"}, {"roundtrip"}, {"inspect"}, {"plan"}, {"verify"}, {"compare"},
        {"pack"}, {"unpack"}, {"models"}, {"plugin", "list"}, {"plugin", "check"}}) {
    auto words = command;
    words.emplace_back("--help");
    const auto ran = run_words(words);
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr("Example")) << command[0];
    EXPECT_THAT(ran.out, HasSubstr("weighbridge " + command[0])) << command[0];
    EXPECT_EQ(ran.err, "");
  }
}

TEST(Program, MisuseIsTwoAndOneLine) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{}, {"fly"}, {"import"}, {"import", "--hf-model", "m"}, {"plan"}, {"plugin"},
        {"export", "--megatron-path", "m", "--hf-path", "h", "--no-such-flag"},
        {"plan", "sideways", "--hf-model", "m"},
        {"import", "--hf-model", "m", "--megatron-path", "o", "--max-memory", "much"}}) {
    const auto ran = run_words(words);
    EXPECT_EQ(ran.code, 2) << testing::PrintToString(words);
    EXPECT_EQ(ran.out, "");
    EXPECT_THAT(ran.err, MatchesRegex("weighbridge: [^\n]+\n")) << testing::PrintToString(words);
  }
  EXPECT_THAT(run_words({"import", "--hf-model", "m"}).err, HasSubstr("See weighbridge import --help."));
}

TEST(Program, ErrorsAreJsonWhenAsked) {
  const auto misused = run_words({"import", "--json"});
  EXPECT_EQ(misused.code, 2);
  EXPECT_EQ(misused.err, "");
  EXPECT_EQ(boost::json::parse(misused.out).at("error").at("kind"), "usage");

  const auto missing = run_words({"import", "--hf-model", "./no/such/folder", "--megatron-path", "out", "--json"});
  EXPECT_EQ(missing.code, 1);
  const auto parsed = boost::json::parse(missing.out);
  for (const auto* key : {"kind", "file", "subject", "problem", "remedy", "text"}) {
    EXPECT_TRUE(parsed.at("error").as_object().contains(key)) << key;
  }
  EXPECT_EQ(parsed.at("error").at("kind"), "io");
  EXPECT_FALSE(parsed.at("error").at("remedy").as_string().empty());
}

TEST(Program, ExitCodesOfErrors) {
  EXPECT_EQ(exit_code({Error::Kind::usage, {}, {}, {}, {}}), 2);
  EXPECT_EQ(exit_code({Error::Kind::cancelled, {}, {}, {}, {}}), 130);
  for (const auto kind : {Error::Kind::io, Error::Kind::format, Error::Kind::mismatch, Error::Kind::unsupported,
                          Error::Kind::plugin}) {
    EXPECT_EQ(exit_code({kind, {}, {}, {}, {}}), 1);
  }
}

TEST(Program, AnErrorIsOneLine) {
  std::ostringstream out, err;
  Console console{out, err};
  EXPECT_EQ(fail(console, {Error::Kind::mismatch, "f", "t", "two\nlines", "Fix it"}, false), 1);
  EXPECT_EQ(err.str(), "weighbridge: f: t: two\\x0alines. Fix it.\n");
}

}  // namespace
}  // namespace weighbridge
