#pragma once
// A family that is in order, for plugins that break the contract elsewhere. It claims what the llama plugin claims, so
// that a search for a Llama meets every broken plugin before the sound one.

#include <weighbridge/family.hpp>

#include <string_view>

namespace broken {

struct AnyFamily {
  static constexpr std::string_view id = "any";
  static constexpr std::string_view architectures[] = {"LlamaForCausalLM"};
  static constexpr std::string_view model_types[] = {"llama"};
  static void to_megatron(weighbridge::Config, weighbridge::Config, weighbridge::Notes) {}
  static void to_hugging_face(weighbridge::Config, weighbridge::Config, weighbridge::Notes) {}
  static void equations(const weighbridge::Config&, weighbridge::Model&) {}
  static bool recognises(const weighbridge::Config&) { return false; }
};

// A descriptor to spoil.
inline wb_plugin sound(std::string_view id) { return *weighbridge::plugin<AnyFamily>(id, "1.0.0"); }

}  // namespace broken
