// What the contract says of calls: they fail in words, answer the same again, and do not disturb each other.

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <thread>
#include <utility>

#include "conformance/family_rules.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

ConfigDocument document(std::string_view text) {
  auto parsed = ConfigDocument::parse(text, {});
  return parsed ? *std::move(parsed) : ConfigDocument{};
}

void add(std::vector<Violation>& violations, std::string rule, std::string subject, std::string problem) {
  violations.push_back({std::move(rule), {}, {}, std::move(subject), std::move(problem), {}});
}

// A callback on what is not its own: violations of `breaks_contract` go by the rule fragile.
void withstands(const Recording& recording, std::string_view callback, std::string_view on, std::vector<Violation>& violations) {
  std::vector<Violation> found;
  if (!breaks_contract(recording, callback, on, found)) return;
  for (auto& violation : found) {
    violation.rule = "fragile";
    violations.push_back(std::move(violation));
  }
}

void wrong_fields(const Family& family, const ConfigDocument& config, std::vector<Violation>& violations) {
  const auto read = record_to_megatron(family, config).read;
  const json::value wrong[] = {json::value("wrong"), json::value(-3), json::value(json::array{}), json::value(json::object{}), json::value(nullptr), json::value(0.5)};
  for (const auto& path : read) {
    for (const auto& value : wrong) {
      auto other = config;
      if (!other.set(path, value)) continue;
      const auto on = fmt::format("a configuration whose {} is {}", path, json::serialize(value));
      withstands(record_to_megatron(family, other), "to_megatron", on, violations);
      withstands(record_equations(family, other, {}), "equations", on, violations);
    }
  }
}

struct Answers {
  Recording translation, equations;
};

Answers asked(const Family& family, const ConfigDocument& config, const ConfigDocument& megatron) {
  return {record_to_megatron(family, config), record_equations(family, config, megatron)};
}

// Two questions at the same time, which take turns at every host function. `ask(who, taking)` asks one.
std::pair<Recording, Recording> together(auto&& ask) {
  Turns turns;
  std::pair<Recording, Recording> answers;
  std::thread beside{[&] { answers.second = ask(1, Taking{&turns, 1}); }};
  answers.first = ask(0, Taking{&turns, 0});
  beside.join();
  return answers;
}

}  // namespace

void check_foreign_documents(const Family& family, const ConfigDocument* config, std::vector<Violation>& violations) {
  const auto foreign_config = document(R"({"architectures": ["ForeignForCausalLM"], "model_type": "foreign", "hidden_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": "four", "vocab_size": [40], "rope_scaling": 7, "layer_types": {}, "text_config": null})");
  const auto foreign = document(R"({"_target_": "foreign.ForeignModelProvider", "num_layers": 2, "hidden_size": 24, "ffn_hidden_size": 32, "num_attention_heads": 4,
    "num_query_groups": 2, "kv_channels": 6, "vocab_size": 40, "normalization": "LayerNorm", "activation_func": "gelu", "gated_linear_unit": false,
    "params_dtype": "float32"})");
  const ConfigDocument empty;
  for (const auto& [one, on] : {std::pair{&empty, "an empty configuration"}, {&foreign_config, "a foreign configuration"}}) {
    withstands(record_to_megatron(family, *one), "to_megatron", on, violations);
    withstands(record_equations(family, *one, empty), "equations", on, violations);
  }
  for (const auto& [one, on] : {std::pair{&empty, "an empty Megatron document"}, {&foreign, "a foreign Megatron document"}}) {
    withstands(record_to_hugging_face(family, *one), "to_hugging_face", on, violations);
    const auto known = record_recognises(family, *one);
    withstands(known, "recognises", on, violations);
    if (!known.failed && known.answer.value_or(false))
      add(violations, "recognises-all", "recognises", one == &foreign ? "claims a document of foreign.ForeignModelProvider, with LayerNorm and plain gelu" : "claims an empty document");
  }
  if (config != nullptr) wrong_fields(family, *config, violations);
}

void check_calls(const Family& family, const ConfigDocument& config, const Family& other_family, const ConfigDocument& other, std::vector<Violation>& violations) {
  const auto document = record_to_megatron(family, config).written, other_document = record_to_megatron(other_family, other).written;
  const auto first = asked(family, config, document), second = asked(family, config, document);
  bool good = true;
  const auto tell = [&](const char* rule, const char* callback, const std::string& found) {
    good = good && found.empty();
    if (!found.empty()) add(violations, rule, callback, found);
  };
  for (const auto& [callback, one, two] : {std::tuple{"to_megatron", &first.translation, &second.translation}, {"equations", &first.equations, &second.equations}}) {
    if (one->kept_text || two->kept_text) tell("kept-text", callback, "passes to the host a text that the host lent to an earlier call");
    else tell("unstable", callback, [&] {
      const auto found = difference(*one, *two);
      return found.empty() ? found : "asked twice, " + found;
    }());
  }
  if (!good) return;  // what is unstable alone is so with others too
  const auto other_alone = asked(other_family, other, other_document);
  const auto translated = together([&](int who, Taking taking) { return record_to_megatron(who == 0 ? family : other_family, who == 0 ? config : other, taking); });
  const auto stated = together([&](int who, Taking taking) {
    return record_equations(who == 0 ? family : other_family, who == 0 ? config : other, who == 0 ? document : other_document, nullptr, taking);
  });
  for (const auto& [callback, alone, beside] :
       {std::tuple{"to_megatron", &first.translation, &translated.first}, {"to_megatron", &other_alone.translation, &translated.second},
        {"equations", &first.equations, &stated.first}, {"equations", &other_alone.equations, &stated.second}})
    if (const auto found = difference(*alone, *beside); !found.empty() && good) tell("shared-state", callback, "alone and beside another call, " + found);
}

}  // namespace weighbridge
