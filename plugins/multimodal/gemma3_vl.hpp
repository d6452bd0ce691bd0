#pragma once
// Gemma 3 with eyes: 4B, 12B, 27B (gemma3_vl.cpp).

#include <weighbridge/family.hpp>

#include <string_view>

namespace multimodal {

struct Gemma3Vl {
  static constexpr std::string_view id = "gemma3_vl";
  static constexpr std::string_view architectures[] = {"Gemma3ForConditionalGeneration"};
  static constexpr std::string_view model_types[] = {"gemma3"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static bool recognises(const weighbridge::Config& megatron);
};

}  // namespace multimodal
