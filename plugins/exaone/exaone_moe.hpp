#pragma once
// EXAONE-MoE: K-EXAONE (exaone_moe.cpp).

#include <weighbridge/family.hpp>

#include <string_view>

namespace exaone {

struct ExaoneMoe {
  static constexpr std::string_view id = "exaone_moe";
  static constexpr std::string_view architectures[] = {"ExaoneMoeForCausalLM", "ExaoneMoEForCausalLM"};
  static constexpr std::string_view model_types[] = {"exaone_moe"};

  static void to_megatron(weighbridge::Config hf, weighbridge::Config megatron, weighbridge::Notes notes);
  static void to_hugging_face(weighbridge::Config megatron, weighbridge::Config hf, weighbridge::Notes notes);
  static void equations(const weighbridge::Config& c, weighbridge::Model& model);
  static void forward_hugging_face(const weighbridge::Config& c, weighbridge::Forward& run);
  static void forward_megatron(const weighbridge::Config& megatron, weighbridge::Forward& run);
  static bool recognises(const weighbridge::Config& megatron);
};

}  // namespace exaone
