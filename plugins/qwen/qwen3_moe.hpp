#pragma once
// Qwen3-MoE: Qwen3's attention; the feed-forward of most layers or all is a mixture of experts (qwen3_moe.cpp).

#include <weighbridge/family.hpp>

#include <string_view>

namespace qwen {

struct Qwen3Moe {
  static constexpr std::string_view id = "qwen3_moe";
  static constexpr std::string_view architectures[] = {"Qwen3MoeForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen3_moe"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static bool recognises(const weighbridge::Config& megatron);
};

}  // namespace qwen
