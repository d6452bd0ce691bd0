#pragma once
// The vision transformer of Qwen3-VL, which Megatron computes with layers of its own.

#include <weighbridge/family.hpp>

#include <string_view>

namespace multimodal {

// `config` is the path of its configuration ("vision_config"), the others are the beginnings of its names.
struct Qwen3Vision {
  std::string_view config, hugging_face, megatron;

  void equations(const weighbridge::Config& c, const weighbridge::Model& model) const;
};

}  // namespace multimodal
