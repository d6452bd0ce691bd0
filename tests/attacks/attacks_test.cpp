// Every hostile file of attacks.json is refused, by the words that stand there, and leaves nothing behind.

#include <gmock/gmock.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <set>
#include <string_view>
#include <vector>

#include <sys/stat.h>

#include "cli/program_run.hpp"

namespace weighbridge::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

const fs::path kAttacks{WEIGHBRIDGE_ATTACKS};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
  return text;
}

// A checkpoint with one thing put into it, and an empty folder to write to.
class Case {
 public:
  explicit Case(const json::object& scene) : scene_{scene} {
    fs::copy(golden(std::string{scene.at("base").as_string()}), model_, fs::copy_options::recursive);
    fs::create_directory(place_);
    std::ofstream{secret_} << "root:x:0:0:root:/root:/bin/sh\n";
    for (const auto& file : scene.at("remove").as_array()) fs::remove(model_ / std::string{file.as_string()});
    for (const auto& [to, from] : scene.at("add").as_object()) put(kAttacks / "files" / std::string{from.as_string()}, model_ / std::string{to});
  }

  // `what`: a file of tests/attacks/files, "-> TARGET" for a link (to {itself}, to a {secret} outside), "(fifo)" or "(folder)".
  void attack(const std::string& what) {
    const auto at = model_ / std::string{scene_.at("at").as_string()};
    fs::remove(at);
    if (what == "(fifo)") ASSERT_EQ(::mkfifo(at.c_str(), 0600), 0);
    else if (what == "(folder)") fs::create_directory(at);
    else if (what.starts_with("-> ")) fs::create_symlink(replaced(replaced(what.substr(3), "{secret}", secret_), "{itself}", at.filename().string()), at);
    else put(kAttacks / "files" / what, at);
  }

  Ran run() const {
    std::vector<std::string> words;
    for (const auto& word : scene_.at("command").as_array())
      words.push_back(replaced(replaced(std::string{word.as_string()}, "{case}", model_.string()), "{out}", (place_ / "out").string()));
    auto ran = run_weighbridge(words);
    for (const auto& [path, name] : {std::pair{model_.string(), "{case}"}, {place_.string(), "{place}"}, {secret_, "{secret}"}})
      ran.err = replaced(std::move(ran.err), path, name);
    return ran;
  }

  bool is_clean() const { return fs::is_empty(place_) && !fs::exists("hacked"); }

 private:
  static void put(const fs::path& from, const fs::path& to) {
    fs::create_directories(to.parent_path());
    fs::copy_file(from, to, fs::copy_options::overwrite_existing);
  }

  const json::object& scene_;
  TemporaryFolder folder_;
  fs::path model_ = folder_ / "model", place_ = folder_ / "place";
  std::string secret_ = folder_ / "secret";  // outside of the checkpoint
};

// "…" in what is expected stands for anything.
bool says(std::string_view said, std::string_view expected) {
  constexpr std::string_view kAnything = "…";
  for (bool first = true;; first = false) {
    const auto end = expected.find(kAnything);
    const auto part = expected.substr(0, end);
    if (end == std::string_view::npos) return first ? said == part : said.ends_with(part);
    const auto found = said.find(part);
    if (found == std::string_view::npos || (first && found != 0)) return false;
    said.remove_prefix(found + part.size());
    expected.remove_prefix(end + kAnything.size());
  }
}

TEST(Attacks, AreRefusedByNameAndLeaveNothing) {
  const auto scenes = json::parse(content(kAttacks / "attacks.json"));
  std::set<std::string> used;
  std::size_t attacks = 0;
  for (const auto& value : scenes.as_array()) {
    const auto& scene = value.as_object();
    const auto code = scene.at("exit").to_number<int>();
    for (const auto& [what, expected] : scene.at("rows").as_object()) {
      SCOPED_TRACE(std::string{scene.at("scene").as_string()} + ": " + std::string{what});
      Case one{scene};
      one.attack(std::string{what});
      const auto ran = one.run();
      EXPECT_EQ(ran.code, code);
      EXPECT_EQ(ran.out, "");
      const auto error = "weighbridge: " + std::string{expected.as_string()} + "\n";
      EXPECT_TRUE(says(ran.err, error)) << "said:     " << ran.err << "expected: " << error;
      EXPECT_LT(ran.err.size(), 8192U);
      EXPECT_TRUE(one.is_clean());
      used.insert(std::string{what});
      ++attacks;
    }
    for (const auto& [to, from] : scene.at("add").as_object()) used.insert(std::string{from.as_string()});
  }
  EXPECT_GE(attacks, 380U);
  // No file without a row.
  for (const auto& entry : fs::recursive_directory_iterator{kAttacks / "files"})
    EXPECT_TRUE(!entry.is_regular_file() || used.contains(entry.path().lexically_relative(kAttacks / "files").generic_string())) << entry.path();
}

}  // namespace
}  // namespace weighbridge::test
