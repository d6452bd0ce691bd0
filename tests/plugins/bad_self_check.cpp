// Finds itself wanting.
#include "plugins/any_family.hpp"

namespace {
int32_t self_check(const wb_host* host, wb_call* call) {
  host->fail(call, weighbridge::to_abi("2 + 2 is 5 here"));
  return WB_FAILED;
}
}  // namespace

const wb_plugin* wb_plugin_v1() {
  static const wb_plugin descriptor = [] {
    auto plugin = broken::sound("bad_self_check");
    plugin.self_check = self_check;
    return plugin;
  }();
  return &descriptor;
}
