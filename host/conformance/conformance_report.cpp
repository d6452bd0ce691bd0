// What the kit found, as JSON and as text.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/array.hpp>

#include "conformance/conformance.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

json::array strings(const std::vector<std::string>& values) { return json::array(values.begin(), values.end()); }

json::object to_json(const Violation& violation) {
  const auto& broken = rule(violation.rule);
  return {{"rule", violation.rule},
          {"severity", broken.severity == Severity::error ? "error" : "warning"},
          {"family", violation.family},
          {"check", violation.check},
          {"subject", violation.subject},
          {"sentence", violation.problem},
          {"remedy", violation.remedy.empty() ? std::string{broken.remedy} : violation.remedy},
          {"where", strings(violation.where)}};
}

}  // namespace

json::object to_json(const ConformanceReport& report, bool strict) {
  json::array violations, accepted, proven;
  for (const auto& violation : report.violations) violations.push_back(to_json(violation));
  for (const auto& one : report.accepted) {
    auto object = to_json(one.violation);
    object["reason"] = one.reason;
    accepted.push_back(std::move(object));
  }
  for (const auto& check : report.proven)
    proven.push_back({{"check", check.name},
                      {"family", check.family},
                      {"equations", check.equations},
                      {"tensors", check.tensors},
                      {"parameters", check.parameters},
                      {"conversions", check.conversions},
                      {"elements", check.elements},
                      {"layouts", strings(check.layouts)},
                      {"left_out", strings(check.left_out)}});
  json::object object{{"command", "plugin check"},           {"file", report.file.string()},
                      {"ok", report.passes(strict)},         {"families", strings(report.families)},
                      {"violations", std::move(violations)}, {"accepted", std::move(accepted)},
                      {"proven", std::move(proven)}};
  if (report.manifest) {
    object["id"] = report.manifest->id;
    object["version"] = report.manifest->version;
    object["architectures"] = strings(report.manifest->architectures);
  }
  return object;
}

std::string to_text(const ConformanceReport& report, bool strict) {
  std::string lines;
  for (const auto& check : report.proven) {
    if (check.conversions == 0) continue;
    lines += fmt::format(
        "proven: {}, {}: {} equations of {} tensors, {} parameters; {} elements of {} conversions compared\n",
        check.family, check.name, check.equations, check.tensors, check.parameters, check.elements, check.conversions);
    lines += fmt::format("  layouts: {}\n", fmt::join(check.layouts, "; "));
    for (const auto& left : check.left_out) lines += fmt::format("  left out: {}\n", left);
  }
  for (const auto& one : report.accepted)
    lines += fmt::format("accepted [{}] {}: {}. The check says: {}.\n", one.violation.rule, one.violation.subject,
                         one.violation.problem, one.reason);
  for (const auto& violation : report.violations) lines += text(violation) + "\n";
  const auto name =
      report.manifest ? fmt::format("{} {}", report.manifest->id, report.manifest->version) : report.file.string();
  const auto errors = report.count(Severity::error), warnings = report.violations.size() - errors;
  const auto counted = [](std::size_t number, const char* what) {
    return fmt::format("{} {}{}", number, what, number == 1 ? "" : "s");
  };
  if (report.violations.empty())
    return lines +
           fmt::format("{}: keeps the contract ({}; {})\n", name, fmt::join(report.manifest->architectures, ", "),
                       report.families.size() == 1 ? "1 family" : fmt::format("{} families", report.families.size()));
  return lines + fmt::format("{}: {}, {}{}\n", name, counted(errors, "error"), counted(warnings, "warning"),
                             errors == 0 && !strict ? "; keeps the contract" : "");
}

}  // namespace weighbridge
