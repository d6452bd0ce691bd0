#pragma once
// OLMo: Llama's block with LayerNorms that have neither weight nor bias.

#include <weighbridge/family.hpp>

#include <string_view>

namespace olmo {

using namespace weighbridge;

struct Olmo1 {
  static constexpr std::string_view id = "olmo";
  static constexpr std::string_view architectures[] = {"OlmoForCausalLM"};
  static constexpr std::string_view model_types[] = {"olmo"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
  static bool recognises(const Config& megatron);
};

}  // namespace olmo
