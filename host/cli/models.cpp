#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/json/array.hpp>
#include <memory>
#include <ostream>

#include "cli/commands.hpp"
#include "cli/options.hpp"
#include "cli/report.hpp"
#include "families/variants.hpp"

namespace weighbridge {
namespace {

struct Request {
  Options options;
  std::string name;  // of what is shown in detail; empty: the list of all
};

// A family with its variants, or why they cannot be read.
struct Listed {
  const Manifest& manifest;
  Result<std::vector<Variant>> variants;
};

std::string folded(std::string_view name) {
  std::string text{name};
  for (auto& c : text) c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool is_called(std::string_view asked, std::initializer_list<std::string_view> names) {
  return std::ranges::any_of(names, [&](std::string_view name) { return folded(name) == folded(asked); });
}

// What of a family the user asks for: all of it by its id or one of its model types, else an architecture or a variant.
bool keep_asked(const std::string& asked, Listed& family) {
  const auto named = [&](const std::string& name) { return is_called(asked, {name}); };
  const auto& manifest = family.manifest;
  if (named(manifest.id) || std::ranges::any_of(manifest.model_types, named)) return true;
  const bool architecture = std::ranges::any_of(manifest.architectures, named);
  if (!family.variants) return architecture;
  std::erase_if(*family.variants, [&](const Variant& variant) {
    return architecture ? !variant.architecture.empty() && !named(variant.architecture)
                        : !is_called(asked, {variant.name, variant.repository});
  });
  return architecture || !family.variants->empty();
}

boost::json::object recipe_json(const Recipe& recipe) {
  boost::json::object layout;
  for (const auto& [name, size] : recipe.layout) layout[name] = size;
  boost::json::object object{{"trainer", recipe.trainer}, {"use", recipe.use}};
  if (recipe.gpus > 0) object["gpus"] = recipe.gpus;
  object["layout"] = std::move(layout);
  object["source"] = recipe.source;
  return object;
}

boost::json::object variant_json(const Variant& variant, bool detail) {
  boost::json::object object{{"name", variant.name}};
  if (variant.repository.empty()) return object;
  object["repository"] = variant.repository;
  object["architecture"] = variant.architecture;
  object["parameters"] = variant.parameters;
  boost::json::array recipes;
  for (const auto& recipe : variant.recipes) recipes.push_back(recipe_json(recipe));
  object["recipes"] = std::move(recipes);
  if (detail) object["config"] = variant.config;
  return object;
}

boost::json::object family_json(const Listed& family, bool detail) {
  const auto& manifest = family.manifest;
  boost::json::object object{{"id", manifest.id},
                             {"version", manifest.version},
                             {"summary", manifest.summary},
                             {"directions", strings_json(manifest.directions)},
                             {"architectures", strings_json(manifest.architectures)},
                             {"model_types", strings_json(manifest.model_types)}};
  boost::json::array variants;
  if (family.variants)
    for (const auto& variant : *family.variants) variants.push_back(variant_json(variant, detail));
  else
    object["variants_error"] = family.variants.error().text();
  object["variants"] = std::move(variants);
  object["manifest"] = manifest.file.string();
  return object;
}

std::string recipe_text(const Recipe& recipe) {
  std::vector<std::string> sizes;
  for (const auto& [name, size] : recipe.layout) sizes.push_back(fmt::format("{} {}", name, size));
  return fmt::format("      {} {}{}: {}\n        {}\n", recipe.trainer, recipe.use,
                     recipe.gpus == 0 ? "" : fmt::format(" on {} GPU{}", recipe.gpus, recipe.gpus == 1 ? "" : "s"),
                     sizes.empty() ? "every size 1" : fmt::format("{}", fmt::join(sizes, ", ")), recipe.source);
}

std::string variants_text(const std::vector<Variant>& variants, bool detail) {
  std::size_t name = 0, repository = 0;
  for (const auto& variant : variants) {
    name = std::max(name, variant.name.size());
    repository = std::max(repository, variant.repository.size());
  }
  auto text = variants.empty() ? std::string{} : std::string{"  variants\n"};
  for (const auto& variant : variants) {
    if (variant.repository.empty()) text += fmt::format("    {}\n", variant.name);
    else
      text += fmt::format("    {:<{}}  {:>6}  {:<{}}  {}\n", variant.name, name, variant.parameters, variant.repository, repository,
                          variant.architecture);
    if (detail)
      for (const auto& recipe : variant.recipes) text += recipe_text(recipe);
  }
  return text;
}

std::string family_text(const Listed& family, bool detail) {
  const auto& manifest = family.manifest;
  auto text = fmt::format("{} {}{}\n", manifest.id, manifest.version,
                          manifest.summary.empty() ? "" : ": " + manifest.summary);
  text += fmt::format("  directions     {}\n", fmt::join(manifest.directions, ", "));
  text += fmt::format("  architectures  {}\n", fmt::join(manifest.architectures, ", "));
  if (!manifest.model_types.empty()) text += fmt::format("  model types    {}\n", fmt::join(manifest.model_types, ", "));
  if (family.variants) text += variants_text(*family.variants, detail);
  else text += fmt::format("  variants       cannot be read: {}\n", family.variants.error().text());
  return text;
}

int list_models(const Request& request, Console& console) {
  const auto registry = Registry::scan(request.options.plugin_paths);
  const bool detail = !request.name.empty();
  std::vector<Listed> families;
  std::vector<std::string> known;
  for (const auto& manifest : registry.manifests()) {
    Listed family{manifest, read_variants(manifest)};
    if (!detail || keep_asked(request.name, family)) families.push_back(std::move(family));
    known.push_back(manifest.id);
  }
  if (detail && families.empty())
    return fail(console,
                {Error::Kind::usage, "", request.name,
                 fmt::format("no installed plugin has this family, architecture or variant; families are {}",
                             known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))),
                 "See weighbridge models for all, weighbridge plugin list for where plugins are looked for"},
                request.options.json);
  if (request.options.json) {
    boost::json::array array;
    for (const auto& family : families) array.push_back(family_json(family, detail));
    print(console, {{"command", "models"}, {"families", std::move(array)}});
    return kDone;
  }
  for (const auto& family : families) console.out << family_text(family, detail);
  if (families.empty()) console.out << "No families are installed.\n";
  console.out << std::flush;
  if (!registry.skipped().empty()) {
    remark(console, fmt::format("Skipped: {}; see weighbridge plugin list", registry.skipped().size()));
  }
  return kDone;
}

}  // namespace

void add_models(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("models", "Families, architectures and published models that the plugins know");
  const auto request = std::make_shared<Request>();
  command.add_option("name", request->name, "A family, architecture, model type, model or repository to show with its recipes")
      ->type_name("NAME");
  declare_plugin_path(command, request->options);
  declare_json(command, request->options);
  command.footer("Nothing is loaded: manifests say it all.\n\nExamples:\n  weighbridge models\n  weighbridge models my_family");
  command.final_callback([request, &chosen] {
    chosen.run = [request](Console& console) { return list_models(*request, console); };
  });
}

}  // namespace weighbridge
