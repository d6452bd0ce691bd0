#pragma once
// Which layers a hybrid model has, one letter a layer: M Mamba-2, * attention, - MLP, E experts. Behind the decoder come
// the layers of multi-token prediction, the same ones at every depth.

#include <weighbridge/config.hpp>

#include <cstdint>
#include <string>

namespace nemotron_h {

struct Pattern {
  std::string decoder;      // "MEM*E"
  std::string prediction;   // "*E"; empty where depths is 0
  std::int64_t depths{};    // tokens that are predicted ahead
  bool repeated{};          // whether one set of prediction layers serves all depths

  std::int64_t copies() const { return repeated && depths > 1 ? 1 : depths; }  // sets of prediction layers that there are
  bool has(char letter) const { return (decoder + prediction).find(letter) != std::string::npos; }
};

// Of a config.json: a pattern, or as transformers 5 writes it a list of names.
Pattern pattern_of(const weighbridge::Config& hf);
// The names of tensors that hold the layers of prediction are this and their number.
inline constexpr const char* kPrediction = "mtp.layers.";
// Whether the config.json promises prediction layers that are not there: transformers drops them when it saves a model.
bool lost_prediction(const weighbridge::Config& hf);

// Of a Megatron document: "MEM*E/*E", with "|" where a pipeline is cut.
Pattern pattern_of_megatron(const weighbridge::Config& megatron);
std::string megatron_text(const Pattern& pattern);

}  // namespace nemotron_h
