// The rules of the kit. docs/plugins.md explains each; a test compares the two.

#include <algorithm>
#include <stdexcept>
#include <string>

#include "conformance/violation.hpp"

namespace weighbridge {

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all{
      // The plugin as a library.
      {"load", Severity::error, "The library does not load, or is not what its manifest says",
       "Correct the manifest or the library"},
      {"symbols", Severity::error, "The library exports more than wb_plugin_v1",
       "Build it with weighbridge_add_family, or hide every other symbol"},
      {"exception", Severity::error, "An exception crosses the boundary", "Catch it inside and call wb_host.fail"},
      {"silent-failure", Severity::error, "A callback fails without a sentence",
       "Call wb_host.fail, or throw weighbridge::Failure"},
      {"unstable", Severity::error, "The same question is answered differently the second time",
       "Keep no state between calls"},
      {"shared-state", Severity::error, "Two calls that run at the same time disturb each other",
       "Keep everything in local variables; no static or global variable may change"},
      {"kept-text", Severity::error, "The plugin uses a text of the host after the call that lent it",
       "Copy what the host gives before the callback returns"},
      {"fragile", Severity::error, "A callback breaks the contract on a configuration that is not its own",
       "Check every field before it is used"},
      // Checks.
      {"no-checks", Severity::warning, "Nothing to prove the equations on: only the contract is proven",
       "State small configurations under \"checks\" in the manifest, or give --config"},
      {"bad-check", Severity::error, "A check cannot be used", "Correct the check"},
      {"idle-acceptance", Severity::warning, "A check accepts something that does not happen", "Remove the acceptance"},
      {"too-large", Severity::warning, "A configuration is too large to make weights of", "Give a smaller one"},
      // Configuration.
      {"translation", Severity::error, "The family refuses its own configuration",
       "Correct the translation or the check"},
      {"field-lost", Severity::error, "A config field reaches Megatron and does not come back",
       "Set it in to_hugging_face, or let the check accept it with a reason"},
      {"field-changed", Severity::error, "A config field comes back with another value",
       "Make to_hugging_face the inverse of to_megatron"},
      {"recognises-not", Severity::error, "recognises denies a document that the family itself made",
       "Let it look at what to_megatron sets, or leave it out"},
      {"recognises-all", Severity::error, "recognises claims a document of another family",
       "Let it look at _target_ and the fields that are the family's own"},
      // Equations.
      {"expression", Severity::error, "An operator is given operands that do not fit", "Correct the expression"},
      {"shapes-differ", Severity::error, "One tensor is said to have two shapes", "Give it one shape"},
      {"stated-twice", Severity::error, "Two equations for one parameter", "State it once; did you mean concat?"},
      {"overlap", Severity::error, "Elements of a tensor are used twice", "Let every element go to one place"},
      {"unused", Severity::error, "Elements of a tensor are used by no equation",
       "Use them, or say dropped, tied or carried"},
      {"echo-only", Severity::error, "Elements of a tensor reach Megatron only as echo, and do not come back",
       "Use them once without echo"},
      {"padding", Severity::error, "A parameter that is no vocabulary holds elements of no tensor",
       "Did you mean concat? If Megatron has zeros there, let the check accept it with a reason"},
      {"split", Severity::error, "A parameter is not cut among tensor-parallel ranks as its module is",
       "Use column, row, replicated or vocabulary as the module is"},
      {"indivisible", Severity::error, "A part of a parameter does not divide although the model does",
       "Concatenate the parts that every rank has its share of"},
      {"module-name", Severity::error, "Almost the name of a module of Megatron-Core", "Correct the name"},
      {"unknown-module", Severity::warning, "No module of Megatron-Core that this program knows",
       "Check the name; of a module of your own let the check accept it"},
      {"extra-state", Severity::error,
       "A module is said to keep an extra state, or not, other than Megatron-Core's does",
       "Use column, row, norm, replicated or vocabulary as the module is"},
      {"layers", Severity::error, "Layers or experts are missing, or beyond their number",
       "Count them from 0 to one less than their number"},
      {"megatron-shape", Severity::error, "A parameter has another shape than Megatron makes it of the document",
       "Correct the shape, or the field of the document"},
      {"declaration", Severity::error, "What is said of a tensor contradicts the equations",
       "Say it of tensors that no equation uses, and tie them to one that is used"},
      {"tensor-list", Severity::error, "The tensors are not those that the check lists",
       "Correct the equations or the list"},
      // Weights.
      {"refused", Severity::error, "A conversion of the synthetic model is refused", "Correct what the sentence names"},
      {"value", Severity::error, "A Megatron element is not what its equation says",
       "Report it: the host does not do as the equation says"},
      {"round-trip", Severity::error, "A tensor does not come back bit by bit",
       "See that every operation has an exact inverse"},
  };
  return all;
}

const Rule& rule(std::string_view id) {
  const auto found = std::ranges::find(rules(), id, &Rule::id);
  if (found == rules().end()) throw std::logic_error("no rule " + std::string{id});
  return *found;
}

}  // namespace weighbridge
