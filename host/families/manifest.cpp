#include "families/manifest.hpp"

#include <fmt/format.h>

#include "checkpoints/config_document.hpp"

namespace weighbridge {
namespace {

Error wrong(const std::filesystem::path& file, std::string field, std::string problem) {
  return {Error::Kind::format, file.string(), std::move(field), std::move(problem), "Correct the manifest, or remove the plugin"};
}

Result<std::vector<std::string>> list(const ConfigDocument& document, std::string_view field) {
  std::vector<std::string> result;
  const auto* value = document.find(field);
  if (value == nullptr) return result;
  if (!value->is_array()) return wrong(document.file(), std::string{field}, "is no list");
  for (const auto& item : value->get_array()) {
    if (!item.is_string()) return wrong(document.file(), std::string{field}, "holds something that is no text");
    result.emplace_back(item.get_string());
  }
  return result;
}

bool is_plain(const std::string& name) { return !name.empty() && name != "." && name != ".." && std::filesystem::path{name}.filename() == name; }

// A list of names, or the name of a file that has more to say.
Status read_variant_names(const ConfigDocument& document, Manifest& manifest) {
  if (const auto* value = document.find("variants"); value != nullptr && value->is_string()) {
    const std::string name{value->get_string()};
    if (!is_plain(name)) return wrong(manifest.file, "variants", "is no plain name beside the manifest");
    manifest.variants_file = manifest.file.parent_path() / name;
    return done();
  }
  auto names = list(document, "variants");
  if (!names) return names.error();
  manifest.variants = *std::move(names);
  return done();
}

Status read_directions(const ConfigDocument& document, Manifest& manifest) {
  if (document.find("directions") == nullptr) return done();
  auto stated = list(document, "directions");
  if (!stated) return stated.error();
  if (stated->empty()) return wrong(manifest.file, "directions", "names none");
  for (const auto& direction : *stated)
    if (direction != "import" && direction != "export")
      return wrong(manifest.file, "directions", fmt::format("holds {}; known are import, export", direction));
  manifest.directions = *std::move(stated);
  return done();
}

}  // namespace

Result<Manifest> read_manifest(const std::filesystem::path& file) {
  auto document = ConfigDocument::read(file);
  if (!document) return document.error();
  if (document->integer("manifest") != 1) return wrong(file, "manifest", "is not 1, the version that this program reads");
  Manifest manifest;
  manifest.file = file;
  std::string library;
  for (auto [field, into] : {std::pair{"id", &manifest.id}, {"version", &manifest.version}, {"library", &library}}) {
    auto text = document->string(field);
    if (!text || text->empty()) return wrong(file, field, "is missing");
    *into = std::move(*text);
  }
  if (!is_plain(library)) return wrong(file, "library", "is no plain name beside the manifest");
  manifest.library = file.parent_path() / library;
  manifest.summary = document->string("summary").value_or("");
  const auto major = document->integer("abi.major"), minor = document->integer("abi.needs_minor");
  if (!major || *major < 1 || *major > 1000) return wrong(file, "abi.major", "is no ABI version");
  if (minor && (*minor < 0 || *minor > 1000)) return wrong(file, "abi.needs_minor", "is no ABI version");
  manifest.abi_major = static_cast<std::uint32_t>(*major);
  manifest.needs_minor = static_cast<std::uint32_t>(minor.value_or(0));
  for (auto [field, into] : {std::pair{"architectures", &manifest.architectures}, {"model_types", &manifest.model_types}}) {
    auto values = list(*document, field);
    if (!values) return values.error();
    *into = std::move(*values);
  }
  if (manifest.architectures.empty()) return wrong(file, "architectures", "names none");
  if (auto read = read_variant_names(*document, manifest); !read) return read.error();
  if (auto read = read_directions(*document, manifest); !read) return read.error();
  return manifest;
}

}  // namespace weighbridge
