// Plugins that break the contract are named and skipped with the exact reason, and the sound ones work all the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "families/call.hpp"
#include "families/registry.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const fs::path kBroken{WEIGHBRIDGE_BROKEN_PLUGINS};
constexpr auto kReport = "Report it to the plugin's author, or remove the plugin";
constexpr auto kOtherMajor = "Use a plugin built for this major version, or another Weighbridge";

// The broken plugins first, then those of the build; nothing that happens to be installed here.
class Plugins : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("WEIGHBRIDGE_PLUGIN_PATH", "", 1);
    setenv("XDG_DATA_HOME", (kBroken / "no-such-folder").c_str(), 1);
    registry_ = Registry::scan({kBroken, fs::path{WEIGHBRIDGE_PLUGINS}});
  }
  Manifest manifest(const std::string& id) const {
    const auto found = std::ranges::find(registry_.manifests(), id, &Manifest::id);
    EXPECT_NE(found, registry_.manifests().end()) << id;
    return found == registry_.manifests().end() ? Manifest{} : *found;
  }
  // Of the broken folder alone: id to reason.
  std::map<std::string, std::string> skipped() const {
    std::map<std::string, std::string> result;
    for (const auto& plugin : registry_.skipped())
      if (plugin.file.parent_path() == kBroken) result[plugin.id] = plugin.reason;
    return result;
  }
  Family family(const char* architecture) {
    auto found = registry_.find(architecture, "");
    EXPECT_TRUE(found) << found.error().text();
    return found ? *found : Family{};
  }

  Registry registry_;
};

struct Refusal {
  const char* id;
  const char* library;
  const char* problem;
  const char* remedy;
};

constexpr Refusal kRefusals[] = {
    {"bad_symbol", "bad_symbol.so", "exports no wb_plugin_v1", "Build it with weighbridge_add_family of SDK 1"},
    {"bad_major", "bad_major.so", "was built for ABI 2.3; this host has 1.0", kOtherMajor},
    {"bad_claim", "bad_claim.so", "its manifest says architectures [LlamaForCausalLM], the library [OtherForCausalLM]", kReport},
    {"bad_version", "bad_version.so", "its manifest says version 1.0.0, the library 1.0.1", kReport},
    {"bad_entry", "bad_entry.so", "threw an exception out of wb_plugin_v1", kReport},
    {"bad_null", "bad_null.so", "says that it cannot work here", kReport},
    {"bad_self_check", "bad_self_check.so", "fails its self-check: 2 + 2 is 5 here", kReport},
    {"bad_manifest_major", "bad_null.so", "its manifest says ABI 2; this host has 1.0", kOtherMajor},
    {"bad_manifest_minor", "bad_self_check.so", "needs ABI 1.7; this host has 1.0", "Use a newer Weighbridge"},
};

std::string text(const Refusal& refusal) {
  return (kBroken / refusal.library).string() + ": plugin " + refusal.id + ": " + refusal.problem + ". " + refusal.remedy + ".";
}

TEST_F(Plugins, AreNamedAndSkippedWithTheirReason) {
  for (const auto& refusal : kRefusals) {
    SCOPED_TRACE(refusal.id);
    const auto loaded = registry_.load(manifest(refusal.id));
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().kind, Error::Kind::plugin);
    EXPECT_EQ(loaded.error().text(), text(refusal));
    EXPECT_EQ(skipped()[refusal.id], text(refusal));
  }
}

TEST_F(Plugins, ThatAreNoLibrariesAreSkippedInTheLinkersWords) {
  for (const auto& [id, words] : {std::pair{"bad_file", "invalid ELF header"}, {"bad_absent", "No such file or directory"}}) {
    const auto loaded = registry_.load(manifest(id));
    ASSERT_FALSE(loaded) << id;
    EXPECT_THAT(loaded.error().problem, AllOf(StartsWith("does not load: "), HasSubstr(words)));
    EXPECT_EQ(loaded.error().remedy, "Build it anew for this system");
    EXPECT_EQ(loaded.error().subject, std::string{"plugin "} + id);
  }
}

TEST_F(Plugins, WithABrokenManifestAreSkippedByTheScanAlone) {
  EXPECT_EQ(skipped(), (std::map<std::string, std::string>{
                           {"bad_json", (kBroken / "bad_json.json").string() + ": version: is missing. Correct the manifest, or remove the plugin."}}));
}

TEST_F(Plugins, OneThatWorksIsFoundBehindAllThatDoNot) {
  const auto llama = family("LlamaForCausalLM");
  ASSERT_NE(llama.table, nullptr);
  EXPECT_EQ(llama.manifest.id, "llama");
  EXPECT_EQ(family_id(llama), "llama");
  const auto reasons = skipped();
  for (const auto& refusal : kRefusals) EXPECT_EQ(reasons.at(refusal.id), text(refusal));
  EXPECT_EQ(reasons.size(), std::size(kRefusals) + 3);  // bad_absent, bad_file, bad_json
  EXPECT_FALSE(reasons.contains("bad_callback"));

  std::vector<std::string> notes;
  auto config = ConfigDocument::read(fs::path{WEIGHBRIDGE_GOLDEN} / "llama3/hf/config.json");
  ASSERT_TRUE(config) << config.error().text();
  auto megatron = to_megatron(llama, *config, notes);
  ASSERT_TRUE(megatron) << megatron.error().text();
  EXPECT_EQ(megatron->integer("hidden_size"), 16);
  EXPECT_EQ(megatron->integer("num_query_groups"), 2);
  EXPECT_EQ(megatron->integer("kv_channels"), 4);
  EXPECT_EQ(megatron->string("params_dtype"), "bfloat16");
}

TEST_F(Plugins, AreSkippedOnceHoweverOftenTheyAreTried) {
  ASSERT_NE(family("LlamaForCausalLM").table, nullptr);
  const auto before = registry_.skipped().size();
  ASSERT_NE(family("LlamaForCausalLM").table, nullptr);
  EXPECT_EQ(registry_.skipped().size(), before);
}

TEST_F(Plugins, ThatWereSkippedAreNamedWhereNoneIsLeft) {
  for (const auto& refusal : kRefusals) ASSERT_FALSE(registry_.load(manifest(refusal.id)));
  const auto found = registry_.find("NobodyForCausalLM", "");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, Error::Kind::plugin);
  EXPECT_EQ(found.error().subject, "NobodyForCausalLM");
  EXPECT_THAT(found.error().problem, StartsWith("no plugin knows this architecture; known are "));
  for (const auto& refusal : kRefusals)
    EXPECT_THAT(found.error().problem, HasSubstr(std::string{refusal.id} + " (" + text(refusal) + ")"));
  EXPECT_THAT(found.error().remedy, AllOf(HasSubstr(kBroken.string()), EndsWith("or name its folder with --plugin-path")));
}

TEST_F(Plugins, ThatThrowFromACallbackFailByName) {
  const auto throwing = family("ThrowingForCausalLM");
  ASSERT_NE(throwing.table, nullptr);
  auto config = ConfigDocument::parse(R"({"architectures": ["ThrowingForCausalLM"]})", "model/config.json");
  ASSERT_TRUE(config);
  std::vector<std::string> notes;
  const auto forward = to_megatron(throwing, *config, notes);
  ASSERT_FALSE(forward);
  EXPECT_EQ(forward.error().kind, Error::Kind::plugin);
  EXPECT_EQ(forward.error().text(),
            "model/config.json: family bad_callback, configuration: the plugin let an exception out: thrown through the boundary. "
            "Report it to the plugin's author.");
  const auto back = to_hugging_face(throwing, *config, notes);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().kind, Error::Kind::plugin);
  EXPECT_EQ(back.error().problem, "the plugin let an exception out");
  const auto equations = state_equations(throwing, *config, nullptr, notes);
  ASSERT_FALSE(equations);
  EXPECT_EQ(equations.error().kind, Error::Kind::plugin);
  EXPECT_EQ(equations.error().subject, "family bad_callback, equations");
  EXPECT_EQ(equations.error().problem, "the plugin failed without a message");

  // The process is as sound as before.
  const auto llama = family("LlamaForCausalLM");
  ASSERT_NE(llama.table, nullptr);
  EXPECT_EQ(llama.manifest.id, "llama");
}

}  // namespace
}  // namespace weighbridge
