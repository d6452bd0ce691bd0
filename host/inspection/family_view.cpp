#include <fmt/format.h>

#include <set>

#include "conversion/family_choice.hpp"
#include "conversion/source_use.hpp"
#include "families/call.hpp"
#include "inspection/known_sizes.hpp"
#include "inspection/views.hpp"

namespace weighbridge {
namespace {

void add(Inspection& inspection, Finding::Kind kind, std::string subject, std::string problem,
         std::string remedy = {}) {
  inspection.findings.push_back({kind, {}, std::move(subject), std::move(problem), std::move(remedy)});
}

std::string subject_of(const std::vector<std::string>& names) {
  return names.size() == 1 ? "tensor " + names.front() : fmt::format("{} tensors", names.size());
}

// The tensors of a Hugging Face folder against the equations.
void compare_tensors(const EquationSet& set, const Catalogue& catalogue, Inspection& inspection) {
  using enum Finding::Kind;
  std::vector<std::string> missing, unknown;
  for (const auto& leaf : set.algebra.leaves()) {
    if (leaf.decoding) continue;
    const auto found = catalogue.tensors.find(leaf.name);
    if (found == catalogue.tensors.end())
      missing.push_back(leaf.name);
    else if (found->second.shape != leaf.shape)
      add(inspection, defect, "tensor " + leaf.name,
          fmt::format("has the shape {}; the configuration makes it {}", to_string(found->second.shape),
                      to_string(leaf.shape)),
          "Check config.json against the weights; one of them is of another model");
  }
  if (!missing.empty())
    add(inspection, defect, subject_of(missing),
        missing.size() == 1 ? "the configuration calls for it, and no file holds it"
                            : "the configuration calls for them, and no file holds them: " + some_of(missing),
        "Complete the checkpoint, or correct config.json (layers, biases, tie_word_embeddings)");
  std::set<std::string, std::less<>> declared;
  for (const auto& said : set.declarations) {
    declared.insert(said.name);
    if (said.kind == Declaration::Kind::carried)
      for (auto& name : meant_by(said, set.algebra, catalogue)) declared.insert(std::move(name));
  }
  for (const auto& [name, tensor] : catalogue.tensors)
    if (!set.algebra.find(name) && !declared.contains(name)) unknown.push_back(name);
  if (!unknown.empty())
    add(inspection, oddity, subject_of(unknown),
        fmt::format("unknown to the family{}", unknown.size() == 1 ? "" : ": " + some_of(unknown)),
        "A conversion stops at them; --not-strict leaves them out");
}

}  // namespace

void look_with_family(const ConfigDocument& configuration, const Catalogue& catalogue, Registry& registry,
                      Inspection& inspection) {
  const bool hugging_face = inspection.kind == CheckpointKind::hugging_face;
  const auto chosen =
      hugging_face ? choose_family(configuration, registry) : choose_family(configuration, std::nullopt, registry);
  if (!chosen)
    return add(inspection, Finding::Kind::oddity, chosen.error().subject,
               hugging_face ? "no installed plugin knows it" : chosen.error().problem,
               hugging_face ? "" : chosen.error().remedy);
  const auto& manifest = chosen->family.manifest;
  const auto variants = read_variants(manifest);  // what is wrong with the list, `models` tells
  inspection.family = FamilyFacts{family_id(chosen->family),
                                  manifest.version,
                                  manifest.summary,
                                  chosen->architecture,
                                  variants ? models_of_size(*variants, chosen->architecture, inspection.parameters) : std::vector<std::string>{},
                                  {}};
  if (!hugging_face) {
    inspection.family->megatron = configuration.root();
    return;
  }
  std::vector<std::string> notes;
  const auto document = to_megatron(chosen->family, configuration, notes, &catalogue);
  if (!document)
    return add(inspection, Finding::Kind::oddity, "config.json", "the family refuses it: " + document.error().problem,
               document.error().remedy);
  inspection.family->megatron = document->root();
  if (inspection.is_broken()) return;  // what is missing then has been said
  const auto set = state_equations(chosen->family, configuration, &catalogue, notes, &*document);
  if (!set)
    return add(inspection, Finding::Kind::oddity, "config.json", "the family refuses it: " + set.error().problem,
               set.error().remedy);
  compare_tensors(*set, catalogue, inspection);
}

}  // namespace weighbridge
