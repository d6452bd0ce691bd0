#include "pattern.hpp"

#include <algorithm>
#include <vector>

namespace nemotron_h {
namespace {

using weighbridge::Config;
using weighbridge::Failure;

constexpr std::string_view kLetters = "M*-E";

std::string checked(std::string letters, std::string_view field) {
  if (const auto at = letters.find_first_not_of(kLetters); at != std::string::npos)
    throw Failure(std::string{field} + " has layers of the kind " + letters[at] + "; M (Mamba), * (attention), - (MLP) and E (experts) are known");
  return letters;
}

char letter_of(const std::string& name, std::string_view field) {
  if (name == "mamba" || name == "linear_attention") return 'M';
  if (name == "attention" || name == "full_attention") return '*';
  if (name == "mlp") return '-';
  if (name == "moe") return 'E';
  throw Failure(std::string{field} + " has a layer of the kind " + name + "; mamba, attention, mlp and moe are known");
}

// A list of names as letters; empty where there is none.
std::string listed(const Config& hf, std::string_view field) {
  std::string letters;
  const auto count = hf.find_count(field).value_or(0);
  for (std::int64_t i = 0; i < count; ++i) letters += letter_of(hf.string(Config::at(field, i), ""), field);
  return letters;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts{""};
  for (const char letter : text) {
    if (letter == separator) parts.emplace_back();
    else parts.back() += letter;
  }
  return parts;
}

}  // namespace

Pattern pattern_of(const Config& hf) {
  Pattern pattern;
  for (const auto* field : {"layers_block_type", "layer_types"})
    if (pattern.decoder.empty()) pattern.decoder = listed(hf, field);
  if (pattern.decoder.empty()) pattern.decoder = checked(hf.string("hybrid_override_pattern", "ME*-"), "hybrid_override_pattern");
  const auto layers = static_cast<std::int64_t>(pattern.decoder.size());
  if (const auto stated = hf.integer("num_hidden_layers", layers); stated != layers)
    throw Failure("num_hidden_layers is " + std::to_string(stated) + ", but the pattern " + pattern.decoder + " has " + std::to_string(layers) + " layers");

  pattern.depths = hf.integer("num_nextn_predict_layers", 0);
  if (pattern.depths <= 0 || lost_prediction(hf)) {
    pattern.depths = 0;
    return pattern;
  }
  // The config class takes the list's default for no statement.
  pattern.prediction = listed(hf, "mtp_layers_block_type");
  if (pattern.prediction.empty() || pattern.prediction == "*E")
    pattern.prediction = checked(hf.string("mtp_hybrid_override_pattern", "*E"), "mtp_hybrid_override_pattern");
  // A config.json that does not say has as many sets of layers as depths, unless the second set is not there.
  const auto second = kPrediction + std::to_string(pattern.prediction.size()) + ".norm.weight";
  pattern.repeated = hf.flag("mtp_use_repeated_layer", pattern.depths == 1 || (hf.has_source() && !hf.source_has(second)));
  return pattern;
}

bool lost_prediction(const Config& hf) {
  return hf.integer("num_nextn_predict_layers", 0) > 0 && hf.has_source() && !hf.source_has(kPrediction + std::string{"0.norm.weight"});
}

Pattern pattern_of_megatron(const Config& megatron) {
  auto text = megatron.string("hybrid_layer_pattern", megatron.string("hybrid_override_pattern", ""));
  std::erase(text, '|');
  const auto parts = split(text, '/');
  Pattern pattern{checked(parts[0], "hybrid_layer_pattern"), {}, static_cast<std::int64_t>(parts.size()) - 1, false};
  pattern.repeated = megatron.flag("mtp_use_repeated_layer");
  if (pattern.depths == 0) {  // before Megatron-Bridge joins them
    pattern.depths = megatron.integer("mtp_num_layers", 0);
    if (pattern.depths > 0) pattern.prediction = checked(megatron.string("mtp_hybrid_override_pattern", ""), "mtp_hybrid_override_pattern");
    if (pattern.prediction.empty()) pattern.depths = 0;
    return pattern;
  }
  pattern.prediction = checked(parts[1], "hybrid_layer_pattern");
  if (std::any_of(parts.begin() + 1, parts.end(), [&](const auto& part) { return part != parts[1]; }))
    throw Failure("hybrid_layer_pattern is " + text + "; the layers behind each / must be the same");
  return pattern;
}

std::string megatron_text(const Pattern& pattern) {
  auto text = pattern.decoder;
  for (std::int64_t depth = 0; depth < pattern.depths; ++depth) text += "/" + pattern.prediction;
  return text;
}

}  // namespace nemotron_h
