// Loads as it should, then breaks the contract in each callback.
#include <stdexcept>

#include "plugins/any_family.hpp"

namespace {

int32_t throws(const wb_host*, wb_call*) { throw std::runtime_error("thrown through the boundary"); }
int32_t throws_a_number(const wb_host*, wb_call*) { throw 7; }
int32_t fails_in_silence(const wb_host*, wb_call*) { return WB_FAILED; }

constexpr wb_string kArchitecture{"ThrowingForCausalLM", 19}, kModelType{"throwing", 8};
constexpr wb_family kFamily{sizeof(wb_family), {"bad_callback", 12}, &kArchitecture, 1, &kModelType, 1, throws,
                            throws_a_number, fails_in_silence, nullptr, nullptr};
constexpr wb_plugin kPlugin{sizeof(wb_plugin), WB_ABI_MAJOR, WB_ABI_MINOR, {"bad_callback", 12}, {"1.0.0", 5},
                            &kFamily, 1, sizeof(wb_family), nullptr};

}  // namespace

const wb_plugin* wb_plugin_v1() { return &kPlugin; }
