#pragma once
// The shapes that Megatron-Core gives the parameters of a plain decoder.

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "tensor/shape.hpp"

namespace weighbridge {

// Of a parameter by the end of its name; nothing for one of another kind, and where the document describes a model whose layers
// differ or whose attention has a geometry of its own.
std::optional<Shape> megatron_shape(std::string_view rest, const boost::json::object& document);

// "hidden_size 20, num_attention_heads 4, …": the fields that decide.
std::string shape_fields(const boost::json::object& document);

}  // namespace weighbridge
