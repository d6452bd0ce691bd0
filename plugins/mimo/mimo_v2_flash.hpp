#pragma once
// MiMo-V2-Flash.

#include <weighbridge/family.hpp>

#include <string_view>

namespace mimo {

struct V2Flash {
  static constexpr std::string_view id = "mimo_v2_flash";
  static constexpr std::string_view architectures[] = {"MiMoV2FlashForCausalLM"};
  static constexpr std::string_view model_types[] = {"mimo_v2_flash"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static bool recognises(const weighbridge::Config& megatron);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
};

}  // namespace mimo
