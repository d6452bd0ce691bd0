#pragma once
// The three architectures, as the plugin names them.

#include <weighbridge/family.hpp>

#include <string_view>

namespace glm {

using weighbridge::Config;
using weighbridge::Forward;
using weighbridge::Model;
using weighbridge::Notes;

struct Glm4Moe {
  static constexpr std::string_view id = "glm4_moe";
  static constexpr std::string_view architectures[] = {"Glm4MoeForCausalLM"};
  static constexpr std::string_view model_types[] = {"glm4_moe"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static bool recognises(const Config& megatron);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
};

struct Glm4MoeLite {
  static constexpr std::string_view id = "glm4_moe_lite";
  static constexpr std::string_view architectures[] = {"Glm4MoeLiteForCausalLM"};
  static constexpr std::string_view model_types[] = {"glm4_moe_lite"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static bool recognises(const Config& megatron);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
};

struct GlmMoeDsa {
  static constexpr std::string_view id = "glm_moe_dsa";
  static constexpr std::string_view architectures[] = {"GlmMoeDsaForCausalLM"};
  static constexpr std::string_view model_types[] = {"glm_moe_dsa"};

  static void to_megatron(Config hf, Config megatron, Notes notes);
  static void to_hugging_face(Config megatron, Config hf, Notes notes);
  static bool recognises(const Config& megatron);
  static void equations(const Config& c, Model& model);
  static void forward_hugging_face(const Config& c, Forward& run);
  static void forward_megatron(const Config& megatron, Forward& run);
};

}  // namespace glm
