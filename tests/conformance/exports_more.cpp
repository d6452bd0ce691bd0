// Exports a symbol of its own beside the entry; the check that its manifest states is of nobody's.

#include <weighbridge/family.hpp>

namespace {

struct ExportsMore {
  static constexpr std::string_view id = "exports_more";
  static constexpr std::string_view architectures[] = {"ExportsMoreForCausalLM"};
  static constexpr std::string_view model_types[] = {"exports_more"};
  static void to_megatron(weighbridge::Config, weighbridge::Config, weighbridge::Notes) {
    throw weighbridge::Failure("it knows no model");
  }
  static void to_hugging_face(weighbridge::Config, weighbridge::Config, weighbridge::Notes) {
    throw weighbridge::Failure("it knows no model");
  }
  static void equations(const weighbridge::Config&, weighbridge::Model&) {
    throw weighbridge::Failure("it knows no model");
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) int another_entry() { return 1; }

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<ExportsMore>("exports_more", "1.0.0"); }
