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
  if (std::filesystem::path{library}.filename() != library) return wrong(file, "library", "is no plain name beside the manifest");
  manifest.library = file.parent_path() / library;
  manifest.summary = document->string("summary").value_or("");
  const auto major = document->integer("abi.major"), minor = document->integer("abi.needs_minor");
  if (!major || *major < 1 || *major > 1000) return wrong(file, "abi.major", "is no ABI version");
  if (minor && (*minor < 0 || *minor > 1000)) return wrong(file, "abi.needs_minor", "is no ABI version");
  manifest.abi_major = static_cast<std::uint32_t>(*major);
  manifest.needs_minor = static_cast<std::uint32_t>(minor.value_or(0));
  for (auto [field, into] : {std::pair{"architectures", &manifest.architectures}, {"model_types", &manifest.model_types},
                             {"variants", &manifest.variants}}) {
    auto values = list(*document, field);
    if (!values) return values.error();
    *into = std::move(*values);
  }
  if (manifest.architectures.empty()) return wrong(file, "architectures", "names none");
  return manifest;
}

}  // namespace weighbridge
