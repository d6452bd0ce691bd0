// What the contract says of calls: they fail in words, answer the same again, and do not disturb each other.

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <set>
#include <thread>
#include <utility>

#include "conformance/crash_witness.hpp"
#include "conformance/family_rules.hpp"
#include "families/call.hpp"

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

// The callbacks of a family on what is not its own. One that breaks the contract on its own configuration is left alone.
class Foreign {
 public:
  Foreign(const Family& family, const ConfigDocument* config, std::vector<Violation>& violations)
      : family_{family}, violations_{violations} {
    if (config == nullptr) return;
    const auto translated = record_to_megatron(family, *config);
    broken_[0] = translated.threw || translated.silent;
    const auto back = record_to_hugging_face(family, translated.written),
               stated = record_equations(family, *config, translated.written);
    broken_[1] = back.threw || back.silent;
    broken_[2] = stated.threw || stated.silent;
  }

  void configuration(const ConfigDocument& config, const std::string& on) {
    note("to_megatron", on);
    if (!broken_[0]) withstands(record_to_megatron(family_, config), "to_megatron", on);
    note("equations", on);
    if (!broken_[2]) withstands(record_equations(family_, config, {}), "equations", on);
  }
  void document(const ConfigDocument& megatron, const std::string& on, bool is_foreign) {
    note("to_hugging_face or recognises", on);
    if (!broken_[1]) withstands(record_to_hugging_face(family_, megatron), "to_hugging_face", on);
    const auto known = record_recognises(family_, megatron);
    withstands(known, "recognises", on);
    if (is_foreign && !known.failed && known.answer.value_or(false))
      add(violations_, "recognises-all", "recognises", "claims " + on);
  }

  // The family's own configuration and document with every field that it reads made wrong.
  void wrong_fields(const ConfigDocument& config) {
    const auto translated = record_to_megatron(family_, config);
    each_wrong(config, translated.read,
               [&](const ConfigDocument& other, const std::string& on) { configuration(other, on); });
    auto read = record_to_hugging_face(family_, translated.written).read;
    read.merge(record_recognises(family_, translated.written).read);
    each_wrong(translated.written, read,
               [&](const ConfigDocument& other, const std::string& on) { document(other, on, false); });
  }

 private:
  static void each_wrong(const ConfigDocument& right, const std::set<std::string>& read, auto&& call) {
    const json::value wrong[] = {
        json::value("wrong"),        json::value(-3),      json::value(0),  json::value(json::array{}),
        json::value(json::object{}), json::value(nullptr), json::value(0.5)};
    for (const auto& path : read)
      for (const auto& value : wrong) {
        auto other = right;
        if (other.set(path, value)) call(other, fmt::format("{}: {}", path, shown(value)));
      }
  }
  void note(std::string_view callback, const std::string& on) const {
    CrashWitness::note(family_id(family_), callback, on);
  }
  void withstands(const Recording& recording, std::string callback, const std::string& on) {
    if (recording.threw)
      violations_.push_back(
          {"fragile", {}, {}, std::move(callback), "lets an exception out: " + recording.failure, {}, {on}});
    else if (recording.silent)
      violations_.push_back({"fragile", {}, {}, std::move(callback), "fails without a sentence", {}, {on}});
  }

  const Family& family_;
  std::vector<Violation>& violations_;
  bool broken_[3]{};  // to_megatron, to_hugging_face, equations
};

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
  const auto foreign_config = document(
      R"({"architectures": ["ForeignForCausalLM"], "model_type": "foreign", "hidden_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": "four", "vocab_size": [40], "rope_scaling": 7, "layer_types": {}, "text_config": null})");
  const auto foreign = document(
      R"({"_target_": "foreign.ForeignModelProvider", "num_layers": 2, "hidden_size": 24, "ffn_hidden_size": 32, "num_attention_heads": 4,
    "num_query_groups": 2, "kv_channels": 6, "vocab_size": 40, "normalization": "LayerNorm", "activation_func": "gelu", "gated_linear_unit": false,
    "params_dtype": "float32"})");
  Foreign calls{family, config, violations};
  calls.configuration({}, "an empty configuration");
  calls.configuration(foreign_config, "a foreign configuration");
  calls.document({}, "an empty Megatron document", true);
  calls.document(foreign, "the document of a foreign model (_target_ foreign.ForeignModelProvider)", true);
  if (config != nullptr) calls.wrong_fields(*config);
}

bool check_repetition(const Family& family, const ConfigDocument& config, std::vector<Violation>& violations) {
  const auto document = record_to_megatron(family, config).written;
  const auto first = asked(family, config, document), second = asked(family, config, document);
  bool good = true;
  for (const auto& [callback, one, two] : {std::tuple{"to_megatron", &first.translation, &second.translation},
                                           {"equations", &first.equations, &second.equations}}) {
    const bool kept = one->kept_text || two->kept_text;
    const auto found = difference(*one, *two);
    if (kept)
      add(violations, "kept-text", callback, "passes to the host a text that the host lent to an earlier call");
    else if (!found.empty())
      add(violations, "unstable", callback, "asked twice, " + found);
    good = good && !kept && found.empty();
  }
  return good;
}

void check_company(const Family& family, const ConfigDocument& config, const Family& other_family,
                   const ConfigDocument& other, std::vector<Violation>& violations) {
  const auto document = record_to_megatron(family, config).written,
             other_document = record_to_megatron(other_family, other).written;
  const auto alone = asked(family, config, document);
  const auto translated = together([&](int who, Taking taking) {
    return record_to_megatron(who == 0 ? family : other_family, who == 0 ? config : other, taking);
  });
  const auto stated = together([&](int who, Taking taking) {
    return record_equations(who == 0 ? family : other_family, who == 0 ? config : other,
                            who == 0 ? document : other_document, nullptr, taking);
  });
  // The other call's answers are looked at when its family is the one that is checked.
  for (const auto& [callback, one, beside] : {std::tuple{"to_megatron", &alone.translation, &translated.first},
                                              {"equations", &alone.equations, &stated.first}})
    if (const auto found = difference(*one, *beside); !found.empty())
      add(violations, "shared-state", callback, "alone and beside another call, " + found);
}

}  // namespace weighbridge
