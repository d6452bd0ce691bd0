// Sarvam's models: 30B with grouped-query attention, 105B with latent attention.

#include <weighbridge/family.hpp>

#include "sarvam_mla.hpp"
#include "sarvam_moe.hpp"

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<sarvam::Moe, sarvam::Mla>("sarvam", "1.0.0"); }
