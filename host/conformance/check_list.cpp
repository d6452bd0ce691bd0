#include "conformance/check_list.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <utility>

namespace weighbridge {
namespace {

namespace json = boost::json;

class Reader {
 public:
  Reader(const Manifest& manifest, CheckList& list, std::vector<Violation>& violations)
      : manifest_{manifest}, list_{list}, violations_{violations} {}

  void stated() {
    auto document = ConfigDocument::read(manifest_.file);
    if (!document) return wrong(manifest_.file.filename().string(), document.error());
    const auto* checks = std::as_const(*document).find("checks");
    if (checks == nullptr) return;
    if (!checks->is_string()) return all(*checks, manifest_.file.filename().string());
    const auto file = beside(std::string{checks->get_string()});
    auto apart = ConfigDocument::read(file);
    if (!apart) return wrong(file.filename().string(), apart.error());
    checks = std::as_const(*apart).find("checks");
    if (checks == nullptr) return wrong(file.filename().string(), "has no \"checks\"");
    all(*checks, file.filename().string());
  }

  void given(const std::filesystem::path& file) {
    auto config = ConfigDocument::read(file);
    if (!config) return wrong(file.string(), config.error());
    list_.checks.push_back({file.string(), list_.accepts.size(), false, *std::move(config), {}});
    list_.accepts.emplace_back();
  }

 private:
  std::filesystem::path beside(const std::string& name) const { return manifest_.file.parent_path() / name; }
  void wrong(const std::string& subject, const Error& error) {
    violations_.push_back({"bad-check",
                           {},
                           {},
                           subject,
                           error.subject.empty() ? error.problem : error.subject + ": " + error.problem,
                           error.remedy});
  }
  void wrong(const std::string& subject, std::string problem) {
    violations_.push_back({"bad-check", {}, {}, subject, std::move(problem), {}});
  }

  void all(const json::value& checks, const std::string& file) {
    if (!checks.is_array()) return wrong(file, "\"checks\" is no list");
    for (std::size_t i = 0; i < checks.get_array().size(); ++i)
      one(checks.get_array()[i], fmt::format("check {} of {}", i + 1, file));
  }

  void one(const json::value& stated, const std::string& where) {
    const auto* check = stated.if_object();
    if (check == nullptr) return wrong(where, "is no object");
    for (const auto& [key, value] : *check)
      if (key != "name" && key != "config" && key != "corners" && key != "tensors" && key != "accepts")
        wrong(where, fmt::format("has a field {}; known are name, config, corners, tensors and accepts",
                                 std::string_view{key}));
    const auto* name = check->if_contains("name");
    const auto subject = name != nullptr && name->is_string() ? std::string{name->get_string()}
                                                              : fmt::format("{}", list_.accepts.size() + 1);
    const auto* config = check->if_contains("config");
    Check made{subject, list_.accepts.size(), false, {}, {}};
    if (config != nullptr && config->is_object())
      made.config = ConfigDocument{config->get_object()};
    else if (config != nullptr && config->is_string()) {
      auto read = ConfigDocument::read(beside(std::string{config->get_string()}));
      if (!read) return wrong(where, read.error());
      made.config = *std::move(read);
    } else
      return wrong(where, "has no config, which is an object or the name of a file beside the manifest");
    tensors(*check, made, where);
    list_.accepts.push_back(acceptances(*check, where));
    list_.checks.push_back(made);
    const auto* corners = check->if_contains("corners");
    if (corners == nullptr) return;
    if (!corners->is_object()) return wrong(where, "\"corners\" is no object");
    made.tensors.clear();  // they are those of the check itself
    for (const auto& [corner, overrides] : corners->get_object())
      add_corner(made, std::string{corner}, overrides, where);
  }

  void add_corner(const Check& check, const std::string& corner, const json::value& overrides,
                  const std::string& where) {
    if (!overrides.is_object()) return wrong(where, fmt::format("corner {} is no object", corner));
    auto made = check;
    made.name += ", " + corner;
    made.corner = true;
    for (const auto& [path, value] : overrides.get_object()) {
      if (value.is_null())
        made.config.remove(path);
      else if (auto status = made.config.set(path, value); !status)
        return wrong(where, fmt::format("corner {}: {}", corner, status.error().text()));
    }
    list_.checks.push_back(std::move(made));
  }

  void tensors(const json::object& check, Check& made, const std::string& where) {
    const auto* listed = check.if_contains("tensors");
    if (listed == nullptr) return;
    if (!listed->is_object()) return wrong(where, "\"tensors\" is no object of names and shapes");
    for (const auto& [name, shape] : listed->get_object()) {
      auto& entry = made.tensors[std::string{name}];
      if (shape.is_null()) continue;
      entry.emplace();
      if (!shape.is_array())
        return wrong(where, fmt::format("tensor {} has no shape and no null", std::string_view{name}));
      for (const auto& extent : shape.get_array()) {
        if (!extent.is_int64())
          return wrong(where, fmt::format("tensor {} has an extent that is no whole number", std::string_view{name}));
        entry->push_back(extent.get_int64());
      }
    }
  }

  std::vector<Acceptance> acceptances(const json::object& check, const std::string& where) {
    std::vector<Acceptance> made;
    const auto* listed = check.if_contains("accepts");
    if (listed == nullptr) return made;
    const json::array none;
    if (!listed->is_array()) wrong(where, "\"accepts\" is no list");
    for (const auto& entry : listed->is_array() ? listed->get_array() : none) {
      const ConfigDocument one{entry.is_object() ? entry.get_object() : json::object{}};
      auto rule = one.string("rule"), subject = one.string("subject"), reason = one.string("reason");
      if (rule && subject && reason && !reason->empty())
        made.push_back({*std::move(rule), *std::move(subject), *std::move(reason)});
      else
        wrong(where, "an acceptance needs a rule, a subject and a reason");
    }
    return made;
  }

  const Manifest& manifest_;
  CheckList& list_;
  std::vector<Violation>& violations_;
};

}  // namespace

CheckList read_checks(const Manifest& manifest, const std::vector<std::filesystem::path>& configs,
                      std::vector<Violation>& violations) {
  CheckList list;
  Reader reader{manifest, list, violations};
  reader.stated();
  for (const auto& file : configs) reader.given(file);
  return list;
}

}  // namespace weighbridge
