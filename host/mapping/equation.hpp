#pragma once
// A model as a set of equations, and the proof that they use every tensor.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "mapping/expression.hpp"

namespace weighbridge {

// How tensor parallelism cuts a parameter; the numbers are those of weighbridge/abi.h.
enum class Split : std::uint8_t { none = 1, axis_0, axis_1, axis_2 };

// Megatron parameter = expression.
struct Equation {
  std::string stack;  // "decoder.layers."; empty outside any
  std::int64_t layer{}, layers{};
  std::string name;   // within the layer, without the number of an expert
  Expression expression;
  Split split{};
  std::uint8_t extra_state{};  // WB_EXTRA_*
  bool vocabulary{};           // rows beyond the expression's are padding
  bool keep_dtype{};
  std::int64_t expert{}, experts{};  // one of that many; none where experts is 0
  // What torch_dist calls otherwise than the live model: there the layer has this number, and the parameter this name.
  std::optional<std::int64_t> live_layer{};
  std::string live_rest{};

  std::string live_name() const;  // "decoder.layers.3.self_attention.linear_qkv.weight"
};

// A module that keeps an extra state though no parameter is named after it.
struct ModuleState {
  std::string stack;
  std::int64_t layer{}, layers{};
  std::string name;            // "mixer.in_proj"
  std::uint8_t extra_state{};  // WB_EXTRA_*
};

// What is said of a Hugging Face tensor that no equation uses; or (zeros) of the elements that no equation uses.
struct Declaration {
  enum class Kind : std::uint8_t { tied = 1, dropped, synthesised, carried, copy, zeros } kind{};
  std::string name, other, reason;  // a carried name may end with "*": see weighbridge/abi.h
};

struct EquationSet {
  Algebra algebra;
  std::vector<Equation> equations;
  std::vector<ModuleState> modules;
  std::vector<Declaration> declarations;

  std::set<std::uint32_t> leaves_with_zeros() const;  // of which some elements are said to be zero
};

// That every element of every parameter is given once (or is padding) and every element of every tensor is used once (or is said to
// be zero).
// The error names the parameter or tensor, and the first element at fault by its coordinates.
Status prove(const EquationSet& set);

}  // namespace weighbridge
