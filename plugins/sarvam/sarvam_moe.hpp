#pragma once
// Sarvam's mixture of experts with grouped-query attention, as a family.

#include <weighbridge/family.hpp>

#include <string_view>

namespace sarvam {

struct Moe {
  static constexpr std::string_view id = "sarvam_moe";
  static constexpr std::string_view architectures[] = {"SarvamMoEForCausalLM"};
  static constexpr std::string_view model_types[] = {"sarvam_moe"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static bool recognises(const weighbridge::Config& megatron);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
};

}  // namespace sarvam
