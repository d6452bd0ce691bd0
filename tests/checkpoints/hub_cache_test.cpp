#include "checkpoints/hub_cache.hpp"

#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "checkpoints/safetensors_bytes.hpp"
#include "checkpoints/temporary_folder.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
using test::one_tensor;
using test::TemporaryFolder;
using testing::HasSubstr;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

// Sets the variables of the cache for one test and puts them back.
class Environment {
 public:
  Environment() {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      if (const char* value = std::getenv(kNames[i])) before_[i] = value;
      ::unsetenv(kNames[i]);
    }
  }
  ~Environment() {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      before_[i] ? ::setenv(kNames[i], before_[i]->c_str(), 1) : ::unsetenv(kNames[i]);
    }
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }

 private:
  static constexpr std::array kNames{"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME", "HOME"};
  std::array<std::optional<std::string>, kNames.size()> before_;
};

TEST(HubCacheFolder, FollowsTheVariablesInOrder) {
  const Environment environment;
  Environment::set("HOME", "/home/me");
  EXPECT_EQ(hub_cache_folder(), "/home/me/.cache/huggingface/hub");
  Environment::set("XDG_CACHE_HOME", "/xdg");
  EXPECT_EQ(hub_cache_folder(), "/xdg/huggingface/hub");
  Environment::set("HF_HOME", "~/hf");
  EXPECT_EQ(hub_cache_folder(), "/home/me/hf/hub");
  Environment::set("HUGGINGFACE_HUB_CACHE", "/old");
  EXPECT_EQ(hub_cache_folder(), "/old");
  Environment::set("HF_HUB_CACHE", "");
  EXPECT_EQ(hub_cache_folder(), "/old");
  Environment::set("HF_HUB_CACHE", "/cache");
  EXPECT_EQ(hub_cache_folder(), "/cache");
}

class HubCache : public testing::Test {
 protected:
  HubCache() {
    cache_.write(model() / "refs/main", kCommit);
    cache_.write(model() / "refs/refs/pr/1", std::string{kCommit} + "\n");
    cache_.write(snapshot() / "config.json", "{}");
    cache_.write(snapshot() / "model.safetensors", one_tensor("a"));
  }
  static fs::path model() { return "models--org--name"; }
  static fs::path snapshot() { return model() / "snapshots" / kCommit; }
  fs::path snapshot_folder() const { return cache_.path() / snapshot(); }

  Result<ResolvedModel> resolve(std::string_view name, std::string revision = "main", bool weights = true) const {
    return resolve_model(name, {.revision = std::move(revision), .weights = weights, .cache = cache_.path()});
  }
  Error error_of(std::string_view name, std::string revision = "main", bool weights = true) const {
    auto resolved = resolve(name, std::move(revision), weights);
    EXPECT_FALSE(resolved);
    return resolved ? Error{} : resolved.error();
  }

  TemporaryFolder cache_;
};

TEST_F(HubCache, FindsABranchAReferenceAndACommit) {
  for (const auto* revision : {"main", "", "refs/pr/1", kCommit}) {
    const auto resolved = resolve("org/name", revision);
    ASSERT_TRUE(resolved) << resolved.error().text();
    EXPECT_EQ(resolved->folder, snapshot_folder());
    EXPECT_EQ(resolved->hub_id, "org/name");
    EXPECT_EQ(resolved->commit, kCommit);
  }
}

TEST_F(HubCache, FoldersAreTakenAsTheyAre) {
  const auto resolved = resolve(snapshot_folder().string());
  ASSERT_TRUE(resolved);
  EXPECT_EQ(resolved->folder, snapshot_folder());
  EXPECT_EQ(resolved->hub_id, "");
}

TEST_F(HubCache, TheModelsFolderOfTheCacheIsResolved) {
  for (const auto* ending : {"", "/"}) {
    const auto resolved = resolve((cache_.path() / model()).string() + ending);
    ASSERT_TRUE(resolved) << resolved.error().text();
    EXPECT_EQ(resolved->folder, snapshot_folder());
    EXPECT_EQ(resolved->hub_id, "org/name");
  }
}

TEST_F(HubCache, AModelThatIsNotThereSaysHowToGetIt) {
  const auto error = error_of("org/other");
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.subject, "org/other");
  EXPECT_THAT(error.problem, HasSubstr(cache_.path().string()));
  EXPECT_EQ(error.remedy, "Download it with: hf download org/other");
  EXPECT_EQ(error_of("org/other", "v2").remedy, "Download it with: hf download org/other --revision v2");
}

TEST_F(HubCache, ARevisionThatIsNotThereSaysHowToGetIt) {
  const auto branch = error_of("org/name", "v2");
  EXPECT_EQ(branch.subject, "v2");
  EXPECT_EQ(branch.remedy, "Download it with: hf download org/name --revision v2");
  const std::string commit(40, 'a');
  EXPECT_EQ(error_of("org/name", commit).subject, commit);
  EXPECT_EQ(error_of("org/name", commit).remedy, "Download it with: hf download org/name --revision " + commit);
  EXPECT_EQ(error_of("org/name", "../../../etc/passwd").kind, Error::Kind::usage);
}

TEST_F(HubCache, AReferenceMustHoldACommit) {
  cache_.write(model() / "refs/main", "../../elsewhere");
  EXPECT_EQ(error_of("org/name").file, (cache_.path() / model() / "refs/main").string());
  cache_.write(model() / "refs/main", "");
  EXPECT_THAT(error_of("org/name").problem, HasSubstr("commit hash"));
}

TEST_F(HubCache, AnIncompleteSnapshotNamesWhatIsMissing) {
  cache_.write(snapshot() / "model.safetensors.index.json",
               R"({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}})");
  fs::remove(snapshot_folder() / "model.safetensors");
  cache_.write(snapshot() / "model-00001-of-00002.safetensors", one_tensor("a"));
  fs::create_symlink("../../blobs/gone", snapshot_folder() / "model-00002-of-00002.safetensors");
  const auto error = error_of("org/name", "refs/pr/1");
  EXPECT_EQ(error.kind, Error::Kind::io);
  EXPECT_EQ(error.file, snapshot_folder().string());
  EXPECT_EQ(error.subject, "model-00002-of-00002.safetensors");
  EXPECT_THAT(error.problem, HasSubstr("incomplete snapshot of org/name (1 missing"));
  EXPECT_EQ(error.remedy, "Download it with: hf download org/name --revision refs/pr/1");
  EXPECT_TRUE(resolve("org/name", "main", false));
}

TEST_F(HubCache, ASnapshotWithoutWeightsOrConfigIsIncomplete) {
  fs::remove(snapshot_folder() / "model.safetensors");
  EXPECT_EQ(error_of("org/name").subject, "model.safetensors");
  EXPECT_EQ(error_of("org/name").remedy, "Download it with: hf download org/name");
  EXPECT_TRUE(resolve("org/name", "main", false));
  cache_.write(snapshot() / "model-00001-of-00002.safetensors", one_tensor("a"));
  EXPECT_EQ(error_of("org/name").subject, "model-00002-of-00002.safetensors");
  EXPECT_EQ(error_of("org/name").remedy, "Download it with: hf download org/name");
  fs::remove(snapshot_folder() / "config.json");
  EXPECT_EQ(error_of("org/name", "main", false).subject, "config.json");
}

TEST_F(HubCache, OtherNamesAreRefused) {
  for (const auto* name : {"/nowhere/at/all", "./org/name", "../name", "a/b/c", "org/", "org/na me", ""}) {
    const auto error = error_of(name);
    EXPECT_EQ(error.kind, Error::Kind::io) << name;
    EXPECT_THAT(error.problem, HasSubstr("not there")) << name;
  }
  const auto file = error_of((snapshot_folder() / "config.json").string());
  EXPECT_THAT(file.problem, HasSubstr("a file, not a folder"));
}

}  // namespace
}  // namespace weighbridge
