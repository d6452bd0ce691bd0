// Configurations that other converters have got wrong: tests/traps/*.json, see README.md there.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <filesystem>
#include <string>
#include <vector>

#include "families/call.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

struct Trap {
  std::string name;
  json::object stated;
};

void PrintTo(const Trap& trap, std::ostream* stream) { *stream << trap.name; }

const json::value* field(const json::object& object, std::string_view name) { return object.if_contains(name); }
std::string text(const json::object& object, std::string_view name) {
  const auto* value = field(object, name);
  return value != nullptr && value->is_string() ? std::string{value->get_string()} : std::string{};
}

std::vector<Trap> traps() {
  std::vector<Trap> all;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator{WEIGHBRIDGE_TRAPS})
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::ranges::sort(files);
  for (const auto& file : files) {
    const auto document = ConfigDocument::read(file);
    if (!document) throw std::runtime_error(document.error().text());
    for (const auto& one : document->find("traps")->as_array()) {
      auto name = file.stem().string() + "_" + text(one.as_object(), "name");
      for (auto& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
      all.push_back({std::move(name), one.as_object()});
    }
  }
  return all;
}

// 4 and 4.0 are one number, inside lists and objects too.
bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  if (a.is_array() && b.is_array())
    return std::ranges::equal(a.get_array(), b.get_array(), same);
  if (a.is_object() && b.is_object())
    return a.get_object().size() == b.get_object().size() && std::ranges::all_of(a.get_object(), [&](const auto& entry) {
             const auto* other = b.get_object().if_contains(entry.key());
             return other != nullptr && same(entry.value(), *other);
           });
  return a == b;
}

void set(ConfigDocument& document, const json::object& overrides) {
  for (const auto& [path, value] : overrides) {
    if (value.is_null()) {
      document.remove(path);
      continue;
    }
    const bool null = value.is_object() && value.get_object().size() == 1 && value.get_object().contains("json");
    const auto done = document.set(path, null ? json::value{} : value);
    ASSERT_TRUE(done) << done.error().text();
  }
}

void expect_fields(const ConfigDocument& document, const json::object& trap, std::string_view present, std::string_view absent) {
  if (const auto* wanted = field(trap, present))
    for (const auto& [path, value] : wanted->as_object()) {
      const auto* found = document.find(path);
      EXPECT_TRUE(found != nullptr && same(*found, value))
          << std::string_view{path} << " of " << present << " is " << (found ? json::serialize(*found) : "absent") << ", not " << json::serialize(value);
    }
  if (const auto* unwanted = field(trap, absent))
    for (const auto& path : unwanted->as_array()) {
      const auto* found = document.find(std::string{path.as_string()});
      EXPECT_TRUE(found == nullptr || found->is_null()) << path << " of " << absent << " is " << json::serialize(*found);
    }
}

void expect_shapes(const EquationSet& set, const json::object& shapes) {
  for (const auto& [name, shape] : shapes) {
    const auto leaf = set.algebra.find(name);
    if (shape.is_null()) {
      EXPECT_FALSE(leaf) << std::string_view{name} << " is spoken of";
      continue;
    }
    ASSERT_TRUE(leaf) << std::string_view{name} << " is not spoken of";
    json::array found;
    for (const auto extent : set.algebra.leaves()[*leaf].shape) found.push_back(extent);
    EXPECT_EQ(json::value(found), shape) << std::string_view{name};
  }
}

class Traps : public ::testing::TestWithParam<Trap> {};

TEST_P(Traps, AreSteppedAround) {
  const auto& trap = GetParam().stated;
  SCOPED_TRACE(text(trap, "asserts"));
  for (const auto& [key, value] : trap) {
    constexpr std::string_view kKnown[] = {"name",  "asserts", "case",   "set",     "megatron", "no_megatron", "back", "no_back",
                                           "shapes", "notes",  "refused", "megatron_set"};
    ASSERT_NE(std::ranges::find(kKnown, std::string_view{key}), std::end(kKnown)) << "a trap has no field " << std::string_view{key};
  }
  auto config = ConfigDocument::read(fs::path{WEIGHBRIDGE_GOLDEN} / text(trap, "case") / "hf/config.json");
  ASSERT_TRUE(config) << config.error().text();
  if (const auto* overrides = field(trap, "set")) {
    ASSERT_NO_FATAL_FAILURE(set(*config, overrides->as_object()));
  }

  auto registry = Registry::scan({fs::path{WEIGHBRIDGE_PLUGINS}});
  const auto family = registry.find(config->string("architectures.0").value_or(""), config->string("model_type").value_or(""));
  ASSERT_TRUE(family) << family.error().text();
  std::vector<std::string> notes;
  auto megatron = to_megatron(*family, *config, notes);
  const auto refused = text(trap, "refused");
  std::string refusal = megatron ? "" : megatron.error().problem;
  if (megatron && !refused.empty() && !field(trap, "megatron_set")) {
    const auto equations = state_equations(*family, *config, nullptr, notes, &*megatron);
    if (!equations) refusal = equations.error().problem;
  }
  if (!field(trap, "megatron_set") && !refused.empty()) {
    EXPECT_THAT(refusal, ::testing::HasSubstr(refused));
    return;
  }
  ASSERT_TRUE(megatron) << megatron.error().text();
  expect_fields(*megatron, trap, "megatron", "no_megatron");
  if (const auto words = text(trap, "notes"); !words.empty()) {
    EXPECT_THAT(notes, ::testing::Contains(::testing::HasSubstr(words)));
  }

  const auto equations = state_equations(*family, *config, nullptr, notes, &*megatron);
  ASSERT_TRUE(equations) << equations.error().text();
  const auto proof = prove(*equations);
  EXPECT_TRUE(proof) << proof.error().text();
  if (const auto* shapes = field(trap, "shapes")) expect_shapes(*equations, shapes->as_object());

  if (const auto* overrides = field(trap, "megatron_set")) {
    ASSERT_NO_FATAL_FAILURE(set(*megatron, overrides->as_object()));
  }
  const auto back = to_hugging_face(*family, *megatron, notes);
  if (!refused.empty()) {
    ASSERT_FALSE(back) << "nothing is refused";
    EXPECT_THAT(back.error().problem, ::testing::HasSubstr(refused));
    return;
  }
  ASSERT_TRUE(back) << back.error().text();
  expect_fields(*back, trap, "back", "no_back");
}

INSTANTIATE_TEST_SUITE_P(Configurations, Traps, ::testing::ValuesIn(traps()), [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace weighbridge
