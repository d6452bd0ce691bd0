// The manifest of 1.0.0 beside the library of 1.0.1.
#include "plugins/any_family.hpp"

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<broken::AnyFamily>("bad_version", "1.0.1"); }
