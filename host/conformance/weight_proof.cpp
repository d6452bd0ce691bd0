#include "conformance/weight_proof.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "checkpoints/hugging_face_repository.hpp"
#include "checkpoints/megatron_checkpoint.hpp"
#include "conformance/equation_rules.hpp"
#include "conformance/proof_layouts.hpp"
#include "conformance/rank_slices.hpp"
#include "conformance/stored_values.hpp"
#include "conformance/synthetic_model.hpp"
#include "conversion/conversion.hpp"
#include "conversion/reference.hpp"
#include "conversion/stored_parameters.hpp"
#include "engine/memory.hpp"
#include "engine/run.hpp"
#include "verify/element_value.hpp"

namespace weighbridge {
namespace {

namespace fs = std::filesystem;

void clear(const fs::path& folder) {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

// Of one type of weights.
class Proof {
 public:
  Proof(const Recording& stated, const SyntheticModel& model, const fs::path& scratch, Registry& registry,
        std::string architecture, std::vector<Violation>& violations, WeightProof& account)
      : stated_{stated},
        tracer_{stated.nodes},
        model_{model},
        scratch_{scratch},
        registry_{registry},
        architecture_{std::move(architecture)},
        violations_{violations},
        account_{account} {}

  // Whether the layout was proven; one that the model does not divide into is left out.
  bool layout(const ProofLayout& layout, std::string_view type, bool without_source) {
    where_ = fmt::format("{}, {}", layout.text, type);
    ImportOptions options;
    options.hugging_face = scratch_ / "hf";
    options.target = layout.target;
    auto planned = prepare_import(options, registry_);
    if (!planned) {
      if (planned.error().kind == Error::Kind::usage) {
        auto left = fmt::format("{}: {}", layout.text, planned.error().problem);
        if (std::ranges::find(account_.left_out, left) == account_.left_out.end())
          account_.left_out.push_back(std::move(left));
        return false;
      }
      refused("import", planned.error());
      return false;
    }
    const auto megatron = scratch_ / "megatron";
    bool good = carried_out("import", *planned, megatron) && compare_megatron(megatron, layout);
    if (good) good = exported(megatron, scratch_ / "hf", "export");
    if (good && without_source) {
      clear(megatron / kept_folder(0));
      good = exported(megatron, {}, "export without the source");
    }
    clear(megatron);
    return good;
  }

 private:
  void refused(std::string_view what, const Error& error) {
    violations_.push_back({"refused",
                           {},
                           {},
                           std::string{what},
                           error.subject.empty() ? error.problem : fmt::format("{}: {}", error.subject, error.problem),
                           error.remedy,
                           {where_}});
  }

  bool carried_out(std::string_view what, const Conversion& conversion, const fs::path& folder) {
    clear(folder);
    RunOptions options;
    options.threads = 1;
    options.max_memory = resident_now() + (std::uint64_t{64} << 20);
    auto ran = run(conversion.plan, folder, options);
    if (!ran) {
      refused(what, ran.error());
      return false;
    }
    ++account_.conversions;
    return true;
  }

  bool compare_megatron(const fs::path& folder, const ProofLayout& layout) {
    const auto location = locate_megatron(folder);
    if (!location) return refused("the checkpoint made", location.error()), false;
    const auto checkpoint = MegatronCheckpoint::open(*location);
    if (!checkpoint) return refused("the checkpoint made", checkpoint.error()), false;
    Conversion ignored;
    const auto parameters = stored_parameters(stated_.set, *checkpoint, "", true, ignored);
    if (!parameters) return refused("the checkpoint made", parameters.error()), false;
    StoredValues values{checkpoint->catalogue};
    bool good = true;
    for (const auto number : traceable(stated_)) {
      const auto& stored = (*parameters)[number];
      const auto& equation = stated_.set.equations[number];
      const auto& traced = tracer_.of(stated_.roots[number]);
      std::optional<Violation> first;
      const auto status = values.each(stored, [&](const Shape& at, std::uint64_t bits) {
        ++account_.elements;
        const auto expected = expected_value(traced, at, model_, tracer_);
        const auto found = real_value(stored.dtype, bits);
        // A sum that the type does not hold is for the way back to judge.
        const bool exact = expected.value == 0 || exact_bits(expected.value, stored.dtype).has_value();
        if (!first && exact && found != expected.value) first = wrong_element(equation, at, expected, found);
      });
      if (!status) return refused("the checkpoint made", status.error()), false;
      if (first) violations_.push_back(*std::move(first));
      good = good && !first;
    }
    if (layout.target.storage == MegatronStorage::torch &&
        layout.target.layout.pipeline * layout.target.layout.expert == 1)
      good = compare_rank_slices(stated_, tracer_, model_, *checkpoint, values, layout.target.layout.tensor,
                                 account_.elements, violations_) &&
             good;
    return good;
  }

  Violation wrong_element(const Equation& equation, const Shape& at, const ExpectedElement& expected,
                          const std::optional<double>& found) const {
    const auto fold = folded(equation.live_name());
    const auto holder = found ? model_.holder_of(*found) : std::string{};
    Violation violation{"value",
                        {},
                        {},
                        "equation of " + fold.name,
                        fmt::format("element {} should be {} ({}) and is {}{}", to_string(at), expected.value,
                                    expected.origin.empty() ? "of no tensor" : expected.origin,
                                    found ? fmt::format("{}", *found) : "no number",
                                    holder.empty() ? "" : fmt::format(" ({})", holder)),
                        {}};
    violation.where.push_back(fold.where.empty() ? where_ : fmt::format("{}: {}", where_, fold.where));
    return violation;
  }

  bool exported(const fs::path& megatron, const fs::path& reference, std::string_view what) {
    ExportOptions options;
    options.megatron = megatron;
    if (!reference.empty())
      options.reference = reference;
    else
      options.architecture = architecture_;
    const auto planned = prepare_export(options, registry_);
    if (!planned) return refused(what, planned.error()), false;
    const auto folder = scratch_ / "exported";
    const bool good = carried_out(what, *planned, folder) && compare_exported(folder, what);
    clear(folder);
    return good;
  }

  bool compare_exported(const fs::path& folder, std::string_view what) {
    const auto repository = HuggingFaceRepository::open(folder);
    if (!repository) return refused(what, repository.error()), false;
    StoredValues values{repository->catalogue};
    bool good = true;
    const auto tell = [&](const std::string& name, std::string problem) {
      const auto fold = folded(name);
      Violation violation{"round-trip", {}, {}, "tensor " + fold.name, std::move(problem), {}};
      violation.where.push_back(fold.where.empty() ? where_ : fmt::format("{}: {}", where_, fold.where));
      violations_.push_back(std::move(violation));
      good = false;
    };
    for (const auto& tensor : model_.tensors()) {
      const auto found = repository->catalogue.tensors.find(tensor.name);
      if (found == repository->catalogue.tensors.end()) {
        tell(tensor.name, fmt::format("is missing after the {}", what));
        continue;
      }
      if (found->second.shape != tensor.shape) {
        tell(tensor.name,
             fmt::format("is {} and comes back as {}", to_string(tensor.shape), to_string(found->second.shape)));
        continue;
      }
      std::string first;
      const auto status = values.each(found->second, [&](const Shape& at, std::uint64_t bits) {
        ++account_.elements;
        std::int64_t index = 0;
        for (std::size_t axis = 0; axis < at.size(); ++axis) index = index * tensor.shape[axis] + at[axis];
        const auto value = real_value(found->second.dtype, bits);
        if (first.empty() && value != model_.value_of(tensor, index))
          first = fmt::format("element {} is {} and comes back as {}", to_string(at), model_.value_of(tensor, index),
                              value.value_or(0));
      });
      if (!status) return refused(what, status.error()), false;
      if (!first.empty()) tell(tensor.name, std::move(first));
    }
    return good;
  }

  const Recording& stated_;
  Tracer tracer_;
  const SyntheticModel& model_;
  const fs::path& scratch_;
  Registry& registry_;
  std::string architecture_, where_;
  std::vector<Violation>& violations_;
  WeightProof& account_;
};

}  // namespace

WeightProof prove_weights(const Family& family, const ConfigDocument& config, const ConfigDocument& document,
                          const Recording& stated, bool all, const fs::path& scratch, Registry& registry,
                          std::vector<Violation>& violations) {
  WeightProof account;
  const auto before = violations.size();
  auto types = std::vector{DType::bf16};
  if (all) types.insert(types.end(), {DType::f32, DType::f16});
  for (const auto type : types) {
    const SyntheticModel first{stated, config, type};
    const auto catalogue = first.catalogue();
    // With tensors to look at a family may state more.
    const auto seen = record_equations(family, config, document, &catalogue);
    if (seen.failed) {
      violations.push_back(
          {"translation", {}, {}, "equations", "fails where there are tensors to look at: " + seen.failure, {}});
      return account;
    }
    const SyntheticModel model{seen, config, type};
    if (auto status = model.write(scratch / "hf"); !status) {
      violations.push_back({"refused", {}, {}, "the synthetic model", status.error().text(), {}});
      return account;
    }
    Proof proof{seen, model, scratch, registry, config.string("architectures.0").value_or(""), violations, account};
    for (const auto& layout : proof_layouts(document.root(), all && type == DType::bf16)) {
      const bool proven = proof.layout(layout, torch_name(type), type == DType::bf16 && layout.text == "one rank");
      if (violations.size() > before) return account;  // other layouts would say the same again
      if (proven && std::ranges::find(account.layouts, layout.text) == account.layouts.end())
        account.layouts.push_back(layout.text);
    }
    clear(scratch / "hf");
  }
  return account;
}

}  // namespace weighbridge
