// Its manifest claims LlamaForCausalLM; the library knows another architecture.
#include "plugins/any_family.hpp"

namespace {
struct Other : broken::AnyFamily {
  static constexpr std::string_view architectures[] = {"OtherForCausalLM"};
};
}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Other>("bad_claim", "1.0.0"); }
