#include "forward/forward_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "conversion/laid_parameters.hpp"
#include "engine/progress_meter.hpp"
#include "families/call.hpp"
#include "forward/expected_logits.hpp"
#include "forward/kept_states.hpp"
#include "forward/model_sides.hpp"
#include "forward/side_run.hpp"

namespace weighbridge {
namespace {

// Under which logits are kept beside the states of layers.
constexpr auto kLogits = std::numeric_limits<std::int64_t>::max();

// Nothing where config.json leaves it to the class; then it is as many as there are logits.
std::optional<std::int64_t> vocabulary_of(const ConfigDocument& config) {
  const auto stated = config.integer("vocab_size");
  return stated ? stated : config.integer("text_config.vocab_size");
}

// Two sequences of twelve, spread over the vocabulary.
Tokens some_tokens(std::int64_t vocabulary) {
  Tokens tokens{2, 12, {}};
  for (std::int64_t i = 0; i < tokens.sequences * tokens.length; ++i) tokens.ids.push_back((i * 7919 + 11) % std::max<std::int64_t>(vocabulary, 1));
  return tokens;
}

Status check_tokens(const Tokens& tokens, std::int64_t vocabulary) {
  if (tokens.length < 1) return Error{Error::Kind::usage, "", "--tokens", "there are none", "Give some, as in --tokens 1,2,3"};
  for (const auto id : tokens.ids)
    if (id < 0 || id >= vocabulary)
      return Error{Error::Kind::usage, "", "--tokens", fmt::format("{} is no token of a vocabulary of {}", id, vocabulary), "Give smaller ones"};
  return done();
}

// What the run of one side leaves behind, and what it is compared with on the way.
class Comparing {
 public:
  Comparing(const ForwardOptions& options, ForwardReport& report, KeptStates& kept, const std::optional<ExpectedLogits>& expected, std::int64_t tokens)
      : options_{options}, report_{report}, kept_{kept}, expected_{expected}, tokens_{tokens} {}

  ForwardSink sink(Side side) {
    told_ = {};
    return {[this, side](std::int64_t layer, std::int64_t columns, const float* values) { return state(side, layer, columns, values); },
            [this, side](std::int64_t columns, const float* values) { return logits(side, columns, values); }};
  }
  bool told() const { return told_; }

 private:
  Status state(Side side, std::int64_t layer, std::int64_t columns, const float* values) {
    if (columns < 1 || layer == kLogits) return no_result(side);
    if (side == Side::hugging_face) return kept_.keep(layer, columns, values, static_cast<std::size_t>(tokens_ * columns));
    const auto other = kept_.of(layer);
    if (!other) return other.error();
    if (other->values.empty()) return done();
    if (other->columns != columns) return shapes(fmt::format("layer {}", layer), other->columns, columns);
    report_.layers.push_back({layer, state_difference(values, columns, other->values.data(), columns, tokens_, columns)});
    return done();
  }

  Status logits(Side side, std::int64_t columns, const float* values) {
    if (columns < 1) return no_result(side);
    told_ = true;
    if (report_.vocabulary == 0) report_.vocabulary = columns;
    const auto compared = std::min(columns, report_.vocabulary);
    if (expected_) {
      if (expected_->columns > columns) return shapes("the expected logits", expected_->columns, columns);
      const auto difference = state_difference(values, columns, expected_->values.data(), expected_->columns, tokens_, expected_->columns);
      (side == Side::hugging_face ? report_.hugging_face_expected : report_.megatron_expected) = difference;
    }
    if (side == Side::hugging_face) return kept_.keep(kLogits, columns, values, static_cast<std::size_t>(tokens_ * columns));
    const auto other = kept_.of(kLogits);
    if (!other) return other.error();
    if (other->columns < compared) return shapes("the logits", other->columns, columns);
    report_.logits = state_difference(values, columns, other->values.data(), other->columns, tokens_, compared);
    return done();
  }

  Status no_result(Side side) const {
    return Error{Error::Kind::plugin, "", fmt::format("family {}", report_.family), fmt::format("gives a state without values on the {} side", to_string(side)),
                 "Report it to the plugin's author"};
  }
  Status shapes(std::string what, std::int64_t one, std::int64_t other) const {
    return Error{Error::Kind::mismatch, options_.megatron.string(), std::move(what), fmt::format("has {} features on one side and {} on the other", one, other),
                 "Check that both are checkpoints of one model"};
  }

  const ForwardOptions& options_;
  ForwardReport& report_;
  KeptStates& kept_;
  const std::optional<ExpectedLogits>& expected_;
  std::int64_t tokens_{};
  bool told_{};
};

Status run_side(Side side, ModelSide& model, const ConfigDocument& hugging_face, const Tokens& tokens, Comparing& comparing, ProgressMeter& progress,
                ForwardReport& report) {
  model.tensors.tell([&](std::uint64_t bytes, std::string_view tensor) { progress.add(bytes, tensor); });
  SideRun run{model.tensors, tokens, comparing.sink(side)};
  const auto& megatron = side == Side::megatron ? model.document : ConfigDocument{};
  const auto& library = model.chosen.family.manifest.library;
  if (auto status = named_in(library, run_model(model.chosen.family, side, hugging_face, megatron, run, report.notes)); !status) return status;
  if (comparing.told()) return done();
  return Error{Error::Kind::plugin, library.string(), fmt::format("family {}", report.family), fmt::format("gives no logits on the {} side", to_string(side)),
               "Report it to the plugin's author"};
}

}  // namespace

const LayerDifference* ForwardReport::parting() const {
  const auto found = std::ranges::find_if(layers, [&](const auto& layer) { return !(layer.difference.worst_token <= tolerance); });
  return found == layers.end() ? nullptr : &*found;
}

bool ForwardReport::same() const {
  const auto within = [&](const std::optional<StateDifference>& difference) { return !difference || difference->worst_token <= tolerance; };
  return parting() == nullptr && within(logits) && within(hugging_face_expected) && within(megatron_expected);
}

Result<ForwardReport> forward_check(const ForwardOptions& options, Registry& registry) {
  std::optional<ExpectedLogits> expected;
  if (options.expected) {
    auto read = read_expected_logits(*options.expected, options.max_memory);
    if (!read) return read.error();
    expected = *std::move(read);
  }
  auto kept = KeptStates::make();
  if (!kept) return kept.error();

  ForwardReport report;
  report.tolerance = options.tolerance;
  // What is read twice, as a tied embedding is, must not count beyond the end.
  ProgressSink sink;
  if (options.progress)
    sink = [&](const Progress& made) { options.progress({std::min(made.bytes_done, made.bytes_total), made.bytes_total, made.tensor}); };
  std::optional<Comparing> comparing;
  std::optional<ProgressMeter> progress;
  Tokens tokens;
  ConfigDocument config;
  {  // one side after the other, so that the memory of one is free for the other
    auto side = open_hugging_face_side(options.hugging_face, options.strict, registry, options.max_memory, options.stop);
    if (!side) return side.error();
    config = side->document;
    report.family = family_id(side->chosen.family);
    report.family_version = side->chosen.family.manifest.version;
    report.architecture = side->chosen.architecture;
    const auto vocabulary = vocabulary_of(config);
    report.vocabulary = vocabulary.value_or(0);
    tokens = expected ? expected->tokens : options.tokens.value_or(some_tokens(vocabulary.value_or(256)));
    if (auto status = check_tokens(tokens, vocabulary.value_or(std::numeric_limits<std::int64_t>::max())); !status) return status.error();
    report.sequences = tokens.sequences;
    report.length = tokens.length;
    progress.emplace(sink, 2 * side->tensors.bytes());
    comparing.emplace(options, report, *kept, expected, tokens.sequences * tokens.length);
    if (auto status = run_side(Side::hugging_face, *side, config, tokens, *comparing, *progress, report); !status) return status.error();
  }
  ExportOptions megatron;
  megatron.megatron = options.megatron;
  megatron.reference = options.hugging_face;
  megatron.strict = options.strict;
  auto side = open_megatron_side(megatron, registry, options.max_memory,
                                 options.stop, report.notes);
  if (!side) return side.error();
  if (auto status = run_side(Side::megatron, *side, config, tokens, *comparing, *progress, report); !status) return status.error();
  progress->finish();
  return report;
}

}  // namespace weighbridge
