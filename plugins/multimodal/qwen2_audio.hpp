#pragma once
// Qwen2-Audio (qwen2_audio.cpp).

#include <weighbridge/family.hpp>

#include <string_view>

namespace multimodal {

struct Qwen2Audio {
  static constexpr std::string_view id = "qwen2_audio";
  static constexpr std::string_view architectures[] = {"Qwen2AudioForConditionalGeneration"};
  static constexpr std::string_view model_types[] = {"qwen2_audio"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static bool recognises(const weighbridge::Config& megatron);
};

}  // namespace multimodal
