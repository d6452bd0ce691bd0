#pragma once
// Qwen3-VL, dense and with experts (qwen3_vl.cpp).

#include <weighbridge/family.hpp>

#include <string_view>

namespace multimodal {

struct Qwen3Vl {
  static constexpr std::string_view id = "qwen3_vl";
  static constexpr std::string_view architectures[] = {"Qwen3VLForConditionalGeneration"};
  static constexpr std::string_view model_types[] = {"qwen3_vl"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static bool recognises(const weighbridge::Config& megatron);
};

struct Qwen3VlMoe {
  static constexpr std::string_view id = "qwen3_vl_moe";
  static constexpr std::string_view architectures[] = {"Qwen3VLMoeForConditionalGeneration"};
  static constexpr std::string_view model_types[] = {"qwen3_vl_moe"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static bool recognises(const weighbridge::Config& megatron);
};

}  // namespace multimodal
