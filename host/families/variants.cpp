#include "families/variants.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <charconv>
#include <initializer_list>
#include <set>

#include "checkpoints/config_document.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

constexpr std::uintmax_t kLargestFile = 16 << 20;
constexpr std::size_t kLongestText = 300;
constexpr std::int64_t kMostGpus = 1'000'000;

using Fields = std::initializer_list<std::string_view>;

// Reads one file; every function gives the error of the first field at fault.
class Reader {
 public:
  explicit Reader(const Manifest& manifest) : manifest_{manifest} {}

  Result<std::vector<Variant>> all() {
    std::error_code error;
    if (const auto size = std::filesystem::file_size(manifest_.variants_file, error); !error && size > kLargestFile)
      return wrong("", fmt::format("has {} bytes; at most {} are read", size, kLargestFile));
    const auto document = ConfigDocument::read(manifest_.variants_file);
    if (!document) return document.error();
    if (auto known = only(document->root(), "", {"variants"}); !known) return known.error();
    const auto* list = document->find("variants");
    if (list == nullptr || !list->is_array()) return wrong("variants", "is no list");
    std::vector<Variant> variants;
    std::set<std::string> names;
    for (std::size_t i = 0; i < list->get_array().size(); ++i) {
      const auto where = fmt::format("variants.{}", i);
      auto variant = one(list->get_array()[i], where);
      if (!variant) return variant.error();
      if (!names.insert(variant->name).second)
        return wrong(where + ".name", fmt::format("is {}, as that of an earlier one", variant->name));
      variants.push_back(*std::move(variant));
    }
    return variants;
  }

 private:
  Error wrong(std::string field, std::string problem) const {
    return {Error::Kind::format, manifest_.variants_file.string(), std::move(field), std::move(problem),
            "Correct the file, or take \"variants\" out of the manifest"};
  }

  Status only(const json::object& object, const std::string& where, Fields fields) const {
    for (const auto& [key, value] : object)
      if (std::ranges::find(fields, std::string_view{key}) == fields.end())
        return wrong(where.empty() ? std::string{key} : fmt::format("{}.{}", where, std::string_view{key}),
                     fmt::format("is unknown; known are {}", fmt::join(fields, ", ")));
    return done();
  }

  Result<std::string> text(const json::object& object, const std::string& where, const char* field) const {
    const auto* value = object.if_contains(field);
    const auto at = where + "." + field;
    if (value == nullptr) return wrong(at, "is missing");
    if (!value->is_string() || value->get_string().empty()) return wrong(at, "is no text");
    std::string text{value->get_string()};
    if (text.size() > kLongestText) return wrong(at, fmt::format("is longer than {} bytes", kLongestText));
    if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7F; }))
      return wrong(at, "holds a control character");
    return text;
  }

  Result<std::string> one_of(const json::object& object, const std::string& where, const char* field, Fields allowed) const {
    auto value = text(object, where, field);
    if (value && std::ranges::find(allowed, *value) == allowed.end())
      return wrong(where + "." + field, fmt::format("is {}; known are {}", *value, fmt::join(allowed, ", ")));
    return value;
  }

  Result<Variant> one(const json::value& stated, const std::string& where) const {
    const auto* object = stated.if_object();
    if (object == nullptr) return wrong(where, "is no object");
    if (auto known = only(*object, where, {"name", "repository", "architecture", "parameters", "config", "recipes"}); !known)
      return known.error();
    Variant variant;
    for (auto [field, into] : {std::pair{"name", &variant.name}, {"repository", &variant.repository},
                               {"architecture", &variant.architecture}, {"parameters", &variant.parameters}}) {
      auto value = text(*object, where, field);
      if (!value) return value.error();
      *into = *std::move(value);
    }
    if (std::ranges::count(variant.repository, '/') != 1 || variant.repository.starts_with('/') || variant.repository.ends_with('/'))
      return wrong(where + ".repository", "is no owner/name");
    if (std::ranges::find(manifest_.architectures, variant.architecture) == manifest_.architectures.end())
      return wrong(where + ".architecture", fmt::format("is {}, which the manifest does not list", variant.architecture));
    if (parameter_count(variant.parameters) == 0)
      return wrong(where + ".parameters", "is no number of three digits with a unit, such as \"8.03 B\" or \"494 M\"");
    const auto* config = object->if_contains("config");
    if (config == nullptr || !config->is_object() || config->get_object().empty())
      return wrong(where + ".config", config == nullptr ? "is missing" : "is no object with fields");
    variant.config = config->get_object();
    auto recipes = recipes_of(*object, where + ".recipes");
    if (!recipes) return recipes.error();
    variant.recipes = *std::move(recipes);
    return variant;
  }

  Result<std::vector<Recipe>> recipes_of(const json::object& variant, const std::string& where) const {
    std::vector<Recipe> recipes;
    const auto* list = variant.if_contains("recipes");
    if (list == nullptr) return recipes;
    if (!list->is_array()) return wrong(where, "is no list");
    for (std::size_t i = 0; i < list->get_array().size(); ++i) {
      auto recipe = recipe_of(list->get_array()[i], fmt::format("{}.{}", where, i));
      if (!recipe) return recipe.error();
      recipes.push_back(*std::move(recipe));
    }
    return recipes;
  }

  Result<Recipe> recipe_of(const json::value& stated, const std::string& where) const {
    const auto* object = stated.if_object();
    if (object == nullptr) return wrong(where, "is no object");
    if (auto known = only(*object, where, {"trainer", "use", "gpus", "layout", "source"}); !known) return known.error();
    Recipe recipe;
    auto trainer = one_of(*object, where, "trainer", {"Megatron-Bridge", "Megatron-LM"});
    auto use = one_of(*object, where, "use", {"pretrain", "sft", "lora"});
    auto source = text(*object, where, "source");
    for (auto* read : {&trainer, &use, &source})
      if (!*read) return read->error();
    recipe.trainer = *std::move(trainer);
    recipe.use = *std::move(use);
    recipe.source = *std::move(source);
    if (const auto* gpus = object->if_contains("gpus")) {
      if (!gpus->is_int64() || gpus->get_int64() < 1 || gpus->get_int64() > kMostGpus)
        return wrong(where + ".gpus", fmt::format("is no number from 1 to {}", kMostGpus));
      recipe.gpus = gpus->get_int64();
    }
    const auto* layout = object->if_contains("layout");
    if (layout == nullptr || !layout->is_object())
      return wrong(where + ".layout", layout == nullptr ? "is missing" : "is no object");
    if (auto known = only(layout->get_object(), where + ".layout", {"tp", "pp", "vpp", "cp", "ep", "etp"}); !known)
      return known.error();
    std::int64_t ranks = 1;
    for (const auto& [name, size] : layout->get_object()) {
      if (!size.is_int64() || size.get_int64() < 1 || size.get_int64() > 4096)
        return wrong(fmt::format("{}.layout.{}", where, std::string_view{name}), "is no number from 1 to 4096");
      recipe.layout.emplace_back(name, size.get_int64());
      if (name == "tp" || name == "pp" || name == "cp") ranks *= size.get_int64();
    }
    if (recipe.gpus % ranks != 0)
      return wrong(where + ".gpus", fmt::format("is {}, which tp x pp x cp = {} does not divide", recipe.gpus, ranks));
    return recipe;
  }

  const Manifest& manifest_;
};

}  // namespace

double parameter_count(std::string_view text) {
  constexpr std::string_view kUnits = "KMBT";
  if (text.size() < 5 || text[text.size() - 2] != ' ' || kUnits.find(text.back()) == kUnits.npos) return 0;
  const auto digits = text.substr(0, text.size() - 2);
  if (digits.front() == '0' || digits.front() == '.' || digits.back() == '.') return 0;
  const auto points = std::ranges::count(digits, '.');
  if (std::ranges::count_if(digits, [](char c) { return c >= '0' && c <= '9'; }) != 3 || digits.size() != 3u + static_cast<std::size_t>(points))
    return 0;
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return 0;
  for (auto unit = kUnits.find(text.back()) + 1; unit > 0; --unit) number *= 1e3;
  return number;
}

Result<std::vector<Variant>> read_variants(const Manifest& manifest) {
  if (!manifest.variants_file.empty()) return Reader{manifest}.all();
  std::vector<Variant> variants;
  for (const auto& name : manifest.variants) variants.push_back({.name = name, .repository{}, .architecture{}, .parameters{}, .config{}, .recipes{}});
  return variants;
}

}  // namespace weighbridge
