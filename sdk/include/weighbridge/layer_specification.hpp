#pragma once
// Which of Megatron-Core's functions makes the layers, as Megatron-Bridge's documents say it; without it all layers are alike.

#include <weighbridge/config.hpp>

#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

inline constexpr std::string_view kLayersOneByOne = "megatron.core.models.gpt.gpt_layer_specs.get_gpt_decoder_block_spec";
inline constexpr std::string_view kVariantLayers =
    "megatron.core.models.gpt.experimental_attention_variant_module_specs.get_transformer_block_with_experimental_attention_variant_spec";

// Layers made one by one, each dense or a mixture.
inline void layers_made_one_by_one(const Config& megatron) {
  megatron.set_list("transformer_layer_spec._args_");
  megatron.set("transformer_layer_spec._partial_", true);
  megatron.set("transformer_layer_spec._target_", kLayersOneByOne);
  megatron.set("transformer_layer_spec.use_transformer_engine", true);
}

// Layers whose attention is a variant: sparse or linear.
inline void layers_of_an_attention_variant(const Config& megatron) {
  megatron.set("transformer_layer_spec._call_", false);
  megatron.set("transformer_layer_spec._target_", kVariantLayers);
}

}  // namespace sdk_v1
}  // namespace weighbridge
