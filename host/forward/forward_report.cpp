// What a check found, for programs and for people.

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <cmath>

#include "forward/forward_check.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

json::value number(double value) { return std::isfinite(value) ? json::value(value) : json::value("inf"); }

json::object difference_json(const StateDifference& difference) {
  return {{"relative", number(difference.worst_token)}, {"overall", number(difference.relative)}, {"token", difference.token}, {"same_choice", difference.same_choice}};
}

std::string layer_text(std::int64_t layer) { return layer < 0 ? std::string{"the embedding"} : fmt::format("layer {}", layer); }

std::string logits_text(std::string_view what, const StateDifference& difference, const ForwardReport& report) {
  const auto tokens = report.sequences * report.length;
  return fmt::format("{}: relative difference {:.2e} (token {} of sequence {}), the same first choice for {} of {} tokens\n", what, difference.worst_token,
                     difference.token % report.length, difference.token / report.length, difference.same_choice, tokens);
}

}  // namespace

boost::json::object to_json(const ForwardReport& report) {
  json::array layers, notes;
  for (const auto& [layer, difference] : report.layers) layers.push_back({{"layer", layer}, {"relative", number(difference.worst_token)}});
  for (const auto& note : report.notes) notes.push_back(json::string{note});
  json::object object{{"same", report.same()},
                      {"tolerance", report.tolerance},
                      {"tokens", {report.sequences, report.length}},
                      {"layers", std::move(layers)},
                      {"parting", report.parting() ? json::value(report.parting()->layer) : json::value(nullptr)},
                      {"logits", difference_json(report.logits)},
                      {"expected", nullptr},
                      {"notes", std::move(notes)}};
  if (report.hugging_face_expected && report.megatron_expected)
    object["expected"] = {{"hugging_face", difference_json(*report.hugging_face_expected)}, {"megatron", difference_json(*report.megatron_expected)}};
  return object;
}

std::string to_text(const ForwardReport& report) {
  std::string text;
  for (const auto& note : report.notes) text += fmt::format("note: {}\n", note);
  if (const auto* parting = report.parting())
    text += fmt::format("The sides part at {}: relative difference {:.2e} at token {} of sequence {}, where {:g} is allowed\n", layer_text(parting->layer),
                        parting->difference.worst_token, parting->difference.token % report.length, parting->difference.token / report.length, report.tolerance);
  text += logits_text("Megatron against Hugging Face", report.logits, report);
  if (report.hugging_face_expected) text += logits_text("Hugging Face against the expected logits", *report.hugging_face_expected, report);
  if (report.megatron_expected) text += logits_text("Megatron against the expected logits", *report.megatron_expected, report);
  text += report.same() ? fmt::format("Both sides compute the same: {} layers, {} tokens, within {:g}\n", report.layers.empty() ? 0 : report.layers.size() - 1,
                                      report.sequences * report.length, report.tolerance)
                        : std::string{"The sides do not compute the same\n"};
  return text;
}

}  // namespace weighbridge
