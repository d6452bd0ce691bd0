#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <set>
#include <utility>

#include "checkpoints/megatron_document.hpp"
#include "conformance/family_rules.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

std::string said(const json::value* value) { return value == nullptr ? "nothing" : shown(*value); }

std::string escaped(std::string_view key) {
  std::string path;
  for (const char c : key) path += c == '.' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return path;
}

// Whether `other` says all that `one` says; it may say more, for a document keeps whole objects of config.json.
bool says(const json::value& one, const json::value& other) {
  if (one.is_number() && other.is_number()) return one.to_number<double>() == other.to_number<double>();
  const auto* object = one.if_object();
  if (object == nullptr || !other.is_object()) return one == other;
  return std::ranges::all_of(*object, [&](const auto& field) {
    const auto* found = other.get_object().if_contains(field.key());
    return found != nullptr ? says(field.value(), *found) : field.value().is_null();
  });
}

// Nothing, which a document may leave out or say.
bool says_nothing(const json::value& value) {
  return value.is_null() || value == json::value(false) || (value.is_number() && value.to_number<double>() == 0);
}

// Keys of two documents that hold different values.
std::set<std::string> differing(const ConfigDocument& one, const ConfigDocument& other) {
  std::set<std::string> keys;
  for (const auto& [key, value] : one.root()) {
    const auto* found = other.root().if_contains(key);
    if (found == nullptr  ? says_nothing(value)
        : holds_json(key) ? says(decoded_json(value), decoded_json(*found))
                          : says(value, *found))
      continue;
    keys.emplace(key);
  }
  for (const auto& [key, value] : other.root())
    if (!one.root().contains(key) && !says_nothing(value)) keys.emplace(key);
  return keys;
}

// What the host adds to a config.json that a family made.
ConfigDocument completed(ConfigDocument made, const ConfigDocument& original) {
  for (const auto* key : {"architectures", "model_type"})
    if (const auto* value = original.find(key); value != nullptr && !made.root().contains(key))
      (void)made.set(key, *value);
  return made;
}

// Another value of the same kind; nothing for texts, lists and objects, of which nobody knows the others.
std::optional<json::value> changed(const json::value& value) {
  if (value.is_bool()) return json::value(!value.get_bool());
  if (value.is_int64()) return json::value(value.get_int64() == 0 ? std::int64_t{1} : value.get_int64() * 2);
  if (value.is_double() && std::isfinite(value.get_double()))
    return json::value(value.get_double() == 0 ? 0.25 : value.get_double() * 1.5);
  return {};
}

class Configuration {
 public:
  Configuration(const Family& family, const ConfigDocument& config, std::vector<Violation>& violations)
      : family_{family}, config_{config}, violations_{violations} {}

  std::optional<ConfigDocument> check() {
    const auto forward = record_to_megatron(family_, config_);
    if (failed(forward, "to_megatron")) return {};
    const auto known = record_recognises(family_, forward.written);
    if (known.failed)
      failed(known, "recognises");
    else if (known.answer && !*known.answer)
      add("recognises-not", "recognises",
          fmt::format("says no to the document that to_megatron made (_target_ {})",
                      said(forward.written.find("_target_"))));
    there_and_back(forward);
    return forward.written;
  }

 private:
  void add(std::string rule, std::string subject, std::string problem, std::string remedy = {}) {
    violations_.push_back({std::move(rule), {}, {}, std::move(subject), std::move(problem), std::move(remedy)});
  }
  bool failed(const Recording& recording, std::string_view callback) {
    if (!recording.failed) return false;
    if (!breaks_contract(recording, callback, "the configuration of the check", violations_))
      add("translation", std::string{callback}, recording.failure);
    return true;
  }

  // The keys of the Megatron document that are different after the way back; nothing if it cannot be gone.
  std::optional<std::set<std::string>> lost(const Recording& forward, ConfigDocument& came_back, bool tell) {
    auto back = record_to_hugging_face(family_, forward.written);
    if (tell ? failed(back, "to_hugging_face") : back.failed) return {};
    came_back = completed(std::move(back.written), config_);
    const auto again = record_to_megatron(family_, came_back);
    if (again.failed) {
      if (tell) add("translation", "to_megatron", "refuses what to_hugging_face made: " + again.failure);
      return {};
    }
    again_ = again.written;
    return differing(forward.written, again.written);
  }

  void there_and_back(const Recording& forward) {
    ConfigDocument base_back;
    const auto base = lost(forward, base_back, true);
    if (!base) return;
    std::set<std::string> explained;
    const auto after = again_;
    for (const auto& path : forward.read) one_field(path, forward, base_back, explained);
    for (const auto& key : *base)
      if (!explained.contains(key))
        add("field-changed", "Megatron field " + key,
            fmt::format("is {} of the check's configuration, and {} after the way back",
                        said(forward.written.find(escaped(key))), said(after.find(escaped(key)))));
    if (!base->empty()) return;
    const auto one = record_equations(family_, config_, forward.written),
               two = record_equations(family_, base_back, forward.written);
    if (one.failed || one.refusals.size() + two.refusals.size() > 0) return;
    if (const auto found = two.failed ? two.failure : difference(one, two); !found.empty())
      add("field-lost", "config.json", fmt::format("after the way back the equations are others: {}", found),
          "Set in to_hugging_face every field that equations() reads");
  }

  void one_field(const std::string& path, const Recording& forward, const ConfigDocument& base_back,
                 std::set<std::string>& explained) {
    if (path == "model_type" || path.starts_with("architectures")) return;
    const auto* value = config_.find(path);
    const auto other = value == nullptr ? std::nullopt : changed(*value);
    if (!other) return;
    auto config = config_;
    if (!config.set(path, *other)) return;
    const auto moved = record_to_megatron(family_, config);
    if (moved.failed) return;  // it refuses the value, in words or not: check_foreign_documents looks at that
    const auto reached = differing(forward.written, moved.written);
    if (reached.empty()) return;
    ConfigDocument back;
    const auto gone = lost(moved, back, false);
    if (!gone) return;
    std::set<std::string> own;
    for (const auto& key : *gone)
      if (reached.contains(key)) own.insert(key);
    if (own.empty()) return;
    explained.insert(own.begin(), own.end());
    const auto target = fmt::format("{}", fmt::join(own, ", "));
    const auto* found = std::as_const(back).find(path);
    if (found == nullptr)
      return add("field-lost", "config field " + path,
                 fmt::format("reaches Megatron as {}, but to_hugging_face does not set it", target));
    if (says(*other, *found)) return;  // it came back; what differs has another cause
    if (const auto* before = base_back.find(path); before != nullptr && *found == *before)
      return add("field-changed", "config field " + path,
                 fmt::format("reaches Megatron as {}, but to_hugging_face sets it to {} whatever it was", target,
                             said(found)));
    add("field-changed", "config field " + path,
        fmt::format("reaches Megatron as {}; {} comes back as {}", target, said(&*other), said(found)));
  }

  const Family& family_;
  const ConfigDocument& config_;
  std::vector<Violation>& violations_;
  ConfigDocument again_;
};

}  // namespace

std::string shown(const json::value& value) {
  return value.is_double() ? fmt::format("{}", value.get_double()) : json::serialize(value);
}

bool breaks_contract(const Recording& recording, std::string_view callback, std::string_view on,
                     std::vector<Violation>& violations) {
  if (recording.threw)
    violations.push_back({"exception",
                          {},
                          {},
                          std::string{callback},
                          fmt::format("lets an exception out on {}: {}", on, recording.failure),
                          {}});
  if (recording.silent)
    violations.push_back(
        {"silent-failure", {}, {}, std::string{callback}, fmt::format("fails on {} without a sentence", on), {}});
  return recording.threw || recording.silent;
}

std::optional<ConfigDocument> check_configuration(const Family& family, const ConfigDocument& config,
                                                  std::vector<Violation>& violations) {
  return Configuration{family, config, violations}.check();
}

}  // namespace weighbridge
