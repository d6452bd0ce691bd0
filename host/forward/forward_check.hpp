#pragma once
// Runs the model from a Hugging Face and from a Megatron checkpoint, each by its own side's mathematics, and compares what
// comes of it after every layer.

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/run.hpp"
#include "families/forward_call.hpp"
#include "families/registry.hpp"
#include "forward/state_difference.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct ForwardOptions {
  std::filesystem::path hugging_face, megatron;  // folders
  std::optional<Tokens> tokens;                  // else a few below the vocabulary, the same every time
  std::optional<std::filesystem::path> expected; // see forward/expected_logits.hpp; says the tokens, too
  double tolerance{1e-3};                        // of max |a - b| / max |b| of a token
  bool strict{true};
  std::uint64_t max_memory{256 << 20};
  std::stop_token stop;
  ProgressSink progress;  // of the weights of both sides as float32; may be empty
};

struct LayerDifference {
  std::int64_t layer{};  // -1: the embedding
  StateDifference difference;
};

struct ForwardReport {
  std::string family, family_version, architecture;
  std::int64_t sequences{}, length{}, vocabulary{};
  double tolerance{};
  std::vector<LayerDifference> layers;
  StateDifference logits;  // of Megatron from Hugging Face
  std::optional<StateDifference> hugging_face_expected, megatron_expected;
  std::vector<std::string> notes;

  // The first layer where the sides are further apart than the tolerance.
  const LayerDifference* parting() const;
  bool same() const;
};

// Differences are no error. Errors: those of opening either side and of running it (families/forward_call.hpp); mismatch
// where the sides have results of different shape.
Result<ForwardReport> forward_check(const ForwardOptions& options, Registry& registry);

// {"same": …, "tolerance": …, "tokens": [sequences, length], "layers": [{"layer": -1, "relative": …}, …], "parting": 0 or
// null, "logits": {"relative": …, "token": …, "same_choice": …}, "expected": {"hugging_face": {…}, "megatron": {…}} or null,
// "notes": […]}. A difference that is infinite is the string "inf".
boost::json::object to_json(const ForwardReport& report);
// Lines, each ended.
std::string to_text(const ForwardReport& report);

}  // namespace weighbridge
