// Has no descriptor to give.
#include "plugins/any_family.hpp"

const wb_plugin* wb_plugin_v1() { return nullptr; }
