#pragma once
// What an opaque wb_call holds, and the table of functions that plugins see.

#include <weighbridge/abi.h>

#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "mapping/equation.hpp"
#include "tensor/stored_tensor.hpp"

struct wb_call {
  const weighbridge::ConfigDocument* hugging_face{};  // what may be read
  const weighbridge::ConfigDocument* megatron{};
  weighbridge::ConfigDocument* written{};             // the one that may be set; null if none
  const weighbridge::Catalogue* source{};
  std::vector<std::string>* notes{};
  std::string failure;                                // the first one
  weighbridge::EquationSet set;
  std::vector<weighbridge::Expression> expressions;   // handle 1 is the first
};

namespace weighbridge {

const wb_host& host_table();

// Members of a struct that crossed the boundary may only be touched if they lie within the size its maker stated.
template <class Struct, class Member>
bool reaches(const Struct& value, Member Struct::*member) {
  const auto* begin = reinterpret_cast<const char*>(&value);
  const auto* end = reinterpret_cast<const char*>(&(value.*member) + 1);
  return value.struct_size >= static_cast<std::size_t>(end - begin);
}

}  // namespace weighbridge
