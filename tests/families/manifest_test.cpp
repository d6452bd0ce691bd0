#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "families/manifest.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

class ManifestTest : public ::testing::Test {
 protected:
  ManifestTest() {
    auto name = (fs::temp_directory_path() / "manifest-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~ManifestTest() override { fs::remove_all(folder_); }
  Result<Manifest> read(const std::string& text) {
    std::ofstream{file()} << text;
    return read_manifest(file());
  }
  std::string problem(const std::string& text) {
    const auto manifest = read(text);
    if (manifest) return "none";
    EXPECT_EQ(manifest.error().kind, Error::Kind::format);
    EXPECT_EQ(manifest.error().file, file().string());
    return manifest.error().subject + ": " + manifest.error().problem;
  }
  fs::path file() const { return folder_ / "one.json"; }

  fs::path folder_;
};

TEST_F(ManifestTest, HoldsWhatTheFileSays) {
  const auto manifest = read(R"({"manifest": 1, "id": "one", "version": "2.3.4", "library": "one.so", "summary": "A family",
      "abi": {"major": 1, "needs_minor": 5}, "architectures": ["A", "B"], "model_types": ["a"], "variants": ["A 7B"]})");
  ASSERT_TRUE(manifest) << manifest.error().text();
  EXPECT_EQ(manifest->file, file());
  EXPECT_EQ(manifest->library, folder_ / "one.so");
  EXPECT_EQ(manifest->id, "one");
  EXPECT_EQ(manifest->version, "2.3.4");
  EXPECT_EQ(manifest->summary, "A family");
  EXPECT_EQ(manifest->abi_major, 1u);
  EXPECT_EQ(manifest->needs_minor, 5u);
  EXPECT_EQ(manifest->architectures, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(manifest->model_types, std::vector<std::string>{"a"});
  EXPECT_EQ(manifest->variants, std::vector<std::string>{"A 7B"});
  EXPECT_EQ(manifest->variants_file, fs::path{});
  EXPECT_EQ(manifest->directions, (std::vector<std::string>{"import", "export"}));
}

TEST_F(ManifestTest, NamesAFileOfVariantsAndTheDirections) {
  const auto manifest = read(R"({"manifest": 1, "id": "one", "version": "1", "library": "one.so", "abi": {"major": 1},
      "architectures": ["A"], "variants": "one.variants.json", "directions": ["import"]})");
  ASSERT_TRUE(manifest) << manifest.error().text();
  EXPECT_EQ(manifest->variants_file, folder_ / "one.variants.json");
  EXPECT_EQ(manifest->variants, std::vector<std::string>{});
  EXPECT_EQ(manifest->directions, std::vector<std::string>{"import"});
}

TEST_F(ManifestTest, NamesTheFieldThatIsWrong) {
  const std::string head = R"({"manifest": 1, "id": "one", "version": "1", )", tail = R"(, "architectures": ["A"]})";
  EXPECT_EQ(problem("{}"), "manifest: is not 1, the version that this program reads");
  EXPECT_EQ(problem(R"({"manifest": 2})"), "manifest: is not 1, the version that this program reads");
  EXPECT_EQ(problem(R"({"manifest": 1, "id": ""})"), "id: is missing");
  EXPECT_EQ(problem(head + R"("library": "../one.so")" + tail), "library: is no plain name beside the manifest");
  EXPECT_EQ(problem(head + R"("library": "/lib/one.so")" + tail), "library: is no plain name beside the manifest");
  EXPECT_EQ(problem(head + R"("library": "one.so")" + tail), "abi.major: is no ABI version");
  EXPECT_EQ(problem(head + R"("library": "one.so", "abi": {"major": 4294967297})" + tail), "abi.major: is no ABI version");
  EXPECT_EQ(problem(head + R"("library": "one.so", "abi": {"major": 1, "needs_minor": -1})" + tail), "abi.needs_minor: is no ABI version");
  EXPECT_EQ(problem(head + R"("library": "one.so", "abi": {"major": 1}, "architectures": []})"), "architectures: names none");
  EXPECT_EQ(problem(head + R"("library": "one.so", "abi": {"major": 1}, "architectures": "A"})"), "architectures: is no list");
  EXPECT_EQ(problem(head + R"("library": "one.so", "abi": {"major": 1}, "architectures": [1]})"), "architectures: holds something that is no text");
  const std::string whole = head + R"("library": "one.so", "abi": {"major": 1}, "architectures": ["A"], )";
  EXPECT_EQ(problem(whole + R"("variants": "../one.json"})"), "variants: is no plain name beside the manifest");
  EXPECT_EQ(problem(whole + R"("variants": ""})"), "variants: is no plain name beside the manifest");
  EXPECT_EQ(problem(whole + R"("variants": 3})"), "variants: is no list");
  EXPECT_EQ(problem(whole + R"("variants": [3]})"), "variants: holds something that is no text");
  EXPECT_EQ(problem(whole + R"("directions": []})"), "directions: names none");
  EXPECT_EQ(problem(whole + R"("directions": ["sideways"]})"), "directions: holds sideways; known are import, export");
  EXPECT_EQ(problem(head + R"("library": "one.so", "abi": {"major": 1})" + tail), "none");
}

TEST_F(ManifestTest, ThatIsMissingIsAnErrorOfItsFile) {
  const auto manifest = read_manifest(folder_ / "absent.json");
  ASSERT_FALSE(manifest);
  EXPECT_EQ(manifest.error().kind, Error::Kind::io);
  EXPECT_EQ(manifest.error().file, (folder_ / "absent.json").string());
}

}  // namespace
}  // namespace weighbridge
