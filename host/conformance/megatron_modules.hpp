#pragma once
// What this program knows of Megatron-Core's modules: how their parameters are called and cut, and whether the module keeps an
// `_extra_state`. Source: the layer specs and sharded_state_dicts of Megatron-Core and the layers of Megatron-Bridge.

#include <optional>
#include <string>
#include <string_view>

#include "mapping/equation.hpp"

namespace weighbridge {

struct KnownParameter {
  std::string_view name;       // the end of the name: "self_attention.linear_qkv.weight"
  std::optional<Split> split;  // nothing where models differ
  enum class State : unsigned char { any = 0, kept, absent } state{};  // of the module
  bool gated{};                                                        // gate above up where the model is gated
};

// The parameter of that name within a layer, or outside any; null for one that is not known.
const KnownParameter* known_parameter(std::string_view name);

// A known name that `name` is nearly; nothing if none is near. At most three letters are wrong.
std::optional<std::string> near_name(std::string_view name);

// "a column-parallel layer: split by rows"
std::string_view meaning(Split split);

}  // namespace weighbridge
