// What `weighbridge models` says of a plugin that is a manifest and nothing else: a library is not asked for.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <fstream>

#include "checkpoints/temporary_folder.hpp"
#include "cli/run_words.hpp"

namespace weighbridge {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Models : public ::testing::Test {
 protected:
  Models() {
    write("zz_one.json", R"({"manifest": 1, "id": "zz_one", "version": "1.2.3", "library": "zz_one.so", "summary": "A family",
        "abi": {"major": 1}, "architectures": ["ZzOneForCausalLM", "ZzTwoForCausalLM"], "model_types": ["zz_one_model"],
        "variants": "zz_one.variants.json"})");
    write("zz_one.variants.json", R"({"variants": [
        {"name": "One-8B", "repository": "owner/One-8B", "architecture": "ZzOneForCausalLM", "parameters": "8.03 B",
         "config": {"hidden_size": 4096},
         "recipes": [{"trainer": "Megatron-Bridge", "use": "pretrain", "gpus": 8, "layout": {"tp": 2, "pp": 2}, "source": "one.py"},
                     {"trainer": "Megatron-LM", "use": "lora", "gpus": 1, "layout": {}, "source": "two.sh"}]},
        {"name": "Two-494M", "repository": "owner/Two", "architecture": "ZzTwoForCausalLM", "parameters": "494 M",
         "config": {"hidden_size": 896}}]})");
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream{folder_ / name} << text; }
  Ran run(std::vector<std::string> words) const {
    words.insert(words.begin(), "models");
    words.insert(words.end(), {"--plugin-path", folder_.path().string()});
    return run_words(words);
  }

  const test::TemporaryFolder folder_;
};

const std::string kHead =
    "zz_one 1.2.3: A family\n"
    "  directions     import, export\n"
    "  architectures  ZzOneForCausalLM, ZzTwoForCausalLM\n"
    "  model types    zz_one_model\n";

TEST_F(Models, ListsFamiliesAndVariants) {
  const auto ran = run({});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_THAT(ran.out, StartsWith(kHead + "  variants\n"
                                          "    One-8B    8.03 B  owner/One-8B  ZzOneForCausalLM\n"
                                          "    Two-494M   494 M  owner/Two     ZzTwoForCausalLM\n"));
}

TEST_F(Models, ShowsOneFamilyWithItsRecipes) {
  const auto expected = kHead +
                        "  variants\n"
                        "    One-8B    8.03 B  owner/One-8B  ZzOneForCausalLM\n"
                        "      Megatron-Bridge pretrain on 8 GPUs: tp 2, pp 2\n"
                        "        one.py\n"
                        "      Megatron-LM lora on 1 GPU: every size 1\n"
                        "        two.sh\n"
                        "    Two-494M   494 M  owner/Two     ZzTwoForCausalLM\n";
  for (const auto* name : {"zz_one", "ZZ-one", "zz_one_model"}) {
    const auto ran = run({name});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, expected) << name;
  }
}

TEST_F(Models, ShowsAnArchitectureOrAVariantAlone) {
  const auto expected = kHead + "  variants\n    Two-494M   494 M  owner/Two  ZzTwoForCausalLM\n";
  for (const auto* name : {"ZzTwoForCausalLM", "two-494m", "owner/Two"}) EXPECT_EQ(run({name}).out, expected) << name;
}

TEST_F(Models, IsJsonWhenAsked) {
  const auto ran = run({"zz_one", "--json"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(boost::json::parse(ran.out), boost::json::parse(R"({"command": "models", "families": [
      {"id": "zz_one", "version": "1.2.3", "summary": "A family", "directions": ["import", "export"],
       "architectures": ["ZzOneForCausalLM", "ZzTwoForCausalLM"], "model_types": ["zz_one_model"],
       "variants": [
         {"name": "One-8B", "repository": "owner/One-8B", "architecture": "ZzOneForCausalLM", "parameters": "8.03 B",
          "recipes": [{"trainer": "Megatron-Bridge", "use": "pretrain", "gpus": 8, "layout": {"tp": 2, "pp": 2}, "source": "one.py"},
                      {"trainer": "Megatron-LM", "use": "lora", "gpus": 1, "layout": {}, "source": "two.sh"}],
          "config": {"hidden_size": 4096}},
         {"name": "Two-494M", "repository": "owner/Two", "architecture": "ZzTwoForCausalLM", "parameters": "494 M", "recipes": [],
          "config": {"hidden_size": 896}}],
       "manifest": ")" + (folder_ / "zz_one.json").string() + R"("}]})"));
}

TEST_F(Models, SaysWhichVariantsCannotBeRead) {
  write("zz_one.variants.json", R"({"variants": [{"name": 3}]})");
  const auto ran = run({"zz_one"});
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, kHead + "  variants       cannot be read: " + (folder_ / "zz_one.variants.json").string() +
                         ": variants.0.name: is no text. Correct the file, or take \"variants\" out of the manifest.\n");
}

TEST_F(Models, KnowsNothingOfOthers) {
  const auto ran = run({"NobodyForCausalLM"});
  EXPECT_EQ(ran.code, 2);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr("NobodyForCausalLM: no installed plugin has this family, architecture or variant; families are zz_one"));
}

}  // namespace
}  // namespace weighbridge
