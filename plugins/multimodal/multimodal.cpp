// The models of this plugin. Each has a file of its own; the encoders, which several share, have theirs.

#include "gemma3_vl.hpp"
#include "qwen2_audio.hpp"
#include "qwen3_vl.hpp"

using namespace multimodal;

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Qwen3Vl, Qwen3VlMoe, Gemma3Vl, Qwen2Audio>("multimodal", "1.0.0"); }
