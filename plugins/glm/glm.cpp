// GLM 4.5 to 4.7 (glm4_moe.cpp), GLM-4.7-Flash (glm4_moe_lite.cpp), GLM 5 to 5.2 (glm_moe_dsa.cpp). Their attentions differ;
// the feed-forward is the same (mixture.hpp).

#include "generations.hpp"

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<glm::Glm4Moe, glm::Glm4MoeLite, glm::GlmMoeDsa>("glm", "1.0.0"); }
