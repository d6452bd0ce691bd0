// Built for the next major version, while its manifest says 1.
#include "plugins/any_family.hpp"

const wb_plugin* wb_plugin_v1() {
  static const wb_plugin descriptor = [] {
    auto plugin = broken::sound("bad_major");
    plugin.abi_major = 2;
    plugin.abi_minor = 3;
    return plugin;
  }();
  return &descriptor;
}
