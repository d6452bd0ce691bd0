#include "conformance/conformance.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "conformance/check_list.hpp"
#include "conformance/crash_witness.hpp"
#include "conformance/equation_rules.hpp"
#include "conformance/exported_symbols.hpp"
#include "conformance/family_rules.hpp"
#include "conformance/weight_proof.hpp"
#include "families/call.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

bool has_errors(const std::vector<Violation>& violations) {
  return std::ranges::any_of(violations, [](const auto& one) { return rule(one.rule).severity == Severity::error; });
}

class Kit {
 public:
  Kit(const ConformanceOptions& options, ConformanceReport& report) : options_{options}, report_{report} {}

  void run() {
    if (!open()) return;
    symbols();
    const auto list = read_checks(*report_.manifest, options_.configs, report_.violations);
    accepts_ = list.accepts;
    for (const auto& accepts : accepts_) happened_.emplace_back(accepts.size());
    std::vector<std::vector<const Check*>> of_family(families_.size());
    for (const auto& check : list.checks)
      if (const auto family = family_of(check)) of_family[*family].push_back(&check);
    for (std::size_t i = 0; i < families_.size(); ++i) {
      for (const auto* check : of_family[i]) one(families_[i], *check);
      calls(i, of_family);
    }
    idle();
    report_.violations = gathered(std::move(report_.violations));
  }

 private:
  void add(std::string rule, std::string subject, std::string problem, std::string remedy = {}) {
    report_.violations.push_back({std::move(rule), {}, {}, std::move(subject), std::move(problem), std::move(remedy)});
  }

  // A plugin is named by its library or by the manifest beside it.
  bool open() {
    auto manifest_file = report_.file;
    if (manifest_file.extension() != ".json") manifest_file.replace_extension(".json");
    auto manifest = read_manifest(manifest_file);
    if (!manifest) {
      add("load", manifest_file.string(),
          manifest.error().subject.empty() ? manifest.error().problem
                                           : manifest.error().subject + " " + manifest.error().problem,
          manifest.error().remedy);
      return false;
    }
    report_.manifest = *manifest;
    std::error_code unknown;
    if (report_.file.extension() != ".json" && !fs::equivalent(report_.file, manifest->library, unknown))
      add("load", report_.file.filename().string(),
          fmt::format("the manifest beside it names another library, {}", manifest->library.filename().string()));
    registry_ = Registry::scan({manifest->file.parent_path()});
    auto families = registry_.load(*manifest);
    if (!families) {
      add("load", "plugin " + manifest->id, families.error().problem, families.error().remedy);
      return false;
    }
    families_ = *std::move(families);
    for (const auto& family : families_) report_.families.push_back(family_id(family));
    return true;
  }

  void symbols() {
    auto names = exported_symbols(report_.manifest->library);
    std::erase(names, "wb_plugin_v1");
    std::erase_if(names, [](const auto& name) {
      return name.starts_with("__asan") || name.starts_with("__odr_asan") || name.starts_with("__ubsan") ||
             name.starts_with("__tsan");
    });
    if (names.empty()) return;
    constexpr std::size_t kShown = 3;
    const auto shown = std::min(names.size(), kShown);
    add("symbols", report_.manifest->library.filename().string(),
        fmt::format("exports {}{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
                    names.size() > shown ? fmt::format(" and {} more", names.size() - shown) : ""));
  }

  std::optional<std::size_t> family_of(const Check& check) {
    const auto architecture = check.config.string("architectures.0").value_or(""),
               type = check.config.string("model_type").value_or("");
    for (std::size_t i = 0; i < families_.size(); ++i) {
      const auto names = architecture.empty() ? model_types_of(families_[i]) : architectures_of(families_[i]);
      if (std::ranges::find(names, architecture.empty() ? type : architecture) != names.end()) return i;
    }
    add("bad-check", "check " + check.name,
        architecture.empty() && type.empty() ? std::string{"its config names neither architectures nor model_type"}
                                             : fmt::format("its config is of {}, which no family of this plugin has",
                                                           architecture.empty() ? "model type " + type : architecture));
    return {};
  }

  void one(const Family& family, const Check& check) {
    std::vector<Violation> found;
    CrashWitness::note(family_id(family), "the proof", "check " + check.name);
    ProvenCheck proven{check.name, family_id(family), 0, 0, 0, 0, 0, {}, {}};
    prove(family, check, proven, found);
    report_.proven.push_back(std::move(proven));
    for (auto& violation : found) {
      violation.family = family_id(family);
      violation.check = check.name;
      if (!accepted(violation, check.group)) report_.violations.push_back(std::move(violation));
    }
  }

  void prove(const Family& family, const Check& check, ProvenCheck& proven, std::vector<Violation>& found) {
    const auto document = check_configuration(family, check.config, found);
    if (!document) return;
    const auto stated = record_equations(family, check.config, *document);
    if (stated.failed) {
      if (!breaks_contract(stated, "equations", "the configuration of the check", found))
        found.push_back({"translation", {}, {}, "equations", stated.failure, {}});
      return;
    }
    proven.equations = static_cast<std::int64_t>(stated.set.equations.size());
    for (const auto& leaf : stated.set.algebra.leaves()) {
      if (leaf.decoding || leaf.name.front() == '\x01') continue;
      ++proven.tensors;
      proven.parameters += element_count(leaf.shape).value_or(0);
    }
    if (proven.equations == 0) found.push_back({"translation", {}, {}, "equations", "states none", {}});
    check_parameters(stated, document->root(), found);
    check_tensor_list(stated, check, found);
    if (proven.parameters > kLargestModel) return of_large(stated, check, proven, found);
    Tracer tracer{stated.nodes};
    check_element_use(stated, tracer, found);
    auto open = found;
    std::erase_if(open, [&](const auto& violation) { return accepted_by(violation, check.group) != nullptr; });
    if (has_errors(open)) return;  // what is wrong in the equations would be told once more
    const auto weights =
        prove_weights(family, check.config, *document, stated, !check.corner, options_.scratch, registry_, found);
    proven.conversions = weights.conversions;
    proven.elements = weights.elements;
    proven.layouts = weights.layouts;
    proven.left_out = weights.left_out;
  }

  // Too large to look at every element: the algebra proves what it can.
  void of_large(const Recording& stated, const Check& check, const ProvenCheck& proven,
                std::vector<Violation>& found) const {
    found.push_back(
        {"too-large",
         {},
         {},
         "check " + check.name,
         fmt::format("has {} parameters; weights are made of {} at most, so its equations are proven and no element is",
                     proven.parameters, kLargestModel),
         {}});
    if (!stated.refusals.empty()) return;
    if (const auto status = weighbridge::prove(stated.set); !status)
      found.push_back({"refused", {}, {}, status.error().subject, status.error().problem, {}});
  }

  void calls(std::size_t number, const std::vector<std::vector<const Check*>>& of_family) {
    const auto& family = families_[number];
    std::vector<Violation> found;
    const auto& own = of_family[number];
    if (own.empty())
      found.push_back({"no-checks",
                       {},
                       {},
                       "plugin " + report_.manifest->id,
                       "has no check for this family: only the contract is proven, not the mathematics",
                       {}});
    check_foreign_documents(family, own.empty() ? nullptr : &own.front()->config, found);
    if (!own.empty() && check_repetition(family, own.front()->config, found)) {
      // Beside another configuration of its own, and beside another family.
      check_company(family, own.front()->config, family, own.back()->config, found);
      for (std::size_t i = 1; i < of_family.size(); ++i) {
        const auto other = (number + i) % of_family.size();
        if (of_family[other].empty()) continue;
        check_company(family, own.front()->config, families_[other], of_family[other].back()->config, found);
        break;
      }
    }
    for (auto& violation : found) {
      violation.family = family_id(family);
      if (own.empty() || !accepted(violation, own.front()->group)) report_.violations.push_back(std::move(violation));
    }
  }

  const Acceptance* accepted_by(const Violation& violation, std::size_t group) {
    for (std::size_t i = 0; i < accepts_[group].size(); ++i) {
      const auto& acceptance = accepts_[group][i];
      const std::string_view subject = acceptance.subject;
      const bool fits = subject.ends_with('*') ? violation.subject.starts_with(subject.substr(0, subject.size() - 1))
                                               : violation.subject == subject;
      if (acceptance.rule != violation.rule || !fits) continue;
      happened_[group][i] = true;
      return &acceptance;
    }
    return nullptr;
  }

  bool accepted(Violation& violation, std::size_t group) {
    const auto* acceptance = accepted_by(violation, group);
    if (acceptance == nullptr) return false;
    const auto same = [&](const Accepted& one) {
      return one.violation.rule == violation.rule && one.violation.family == violation.family &&
             one.violation.subject == violation.subject;
    };
    if (std::ranges::none_of(report_.accepted, same)) report_.accepted.push_back({violation, acceptance->reason});
    return true;
  }

  void idle() {
    for (std::size_t group = 0; group < accepts_.size(); ++group)
      for (std::size_t i = 0; i < accepts_[group].size(); ++i)
        if (!happened_[group][i])
          add("idle-acceptance", accepts_[group][i].subject,
              fmt::format("a check accepts {} here, which does not happen", accepts_[group][i].rule));
  }

  const ConformanceOptions& options_;
  ConformanceReport& report_;
  Registry registry_;
  std::vector<Family> families_;
  std::vector<std::vector<Acceptance>> accepts_;
  std::vector<std::vector<bool>> happened_;
};

}  // namespace

std::size_t ConformanceReport::count(Severity severity) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(violations, [&](const auto& one) { return rule(one.rule).severity == severity; }));
}

ConformanceReport check_plugin(const fs::path& file, const ConformanceOptions& options) {
  ConformanceReport report;
  report.file = file;
  const CrashWitness witness;
  Kit{options, report}.run();
  return report;
}

}  // namespace weighbridge
