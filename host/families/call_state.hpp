#pragma once
// What an opaque wb_call holds, and the table of functions that plugins see.

#include <weighbridge/abi.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "families/forward_call.hpp"
#include "families/registry.hpp"
#include "mapping/equation.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// A part of a model while another family states it: how its names become those of the whole.
struct Part {
  std::string config;                  // path, with a dot behind it unless empty
  std::vector<std::string> inherited;  // fields that the whole document states
  std::vector<std::pair<std::string, std::string>> renames;
  std::string megatron;
  std::map<std::string, boost::json::value, std::less<>> defaults;  // by the path as the part calls it
};

// What the host asks a family.
enum class Question : std::uint8_t { to_megatron = 1, to_hugging_face, equations, forward_hugging_face, forward_megatron, other };

}  // namespace weighbridge

namespace weighbridge {
const wb_host& host_table();
}  // namespace weighbridge

struct wb_call {
  const wb_host* table{&weighbridge::host_table()};   // what the plugin calls, its parts too
  const weighbridge::ConfigDocument* hugging_face{};  // what may be read
  const weighbridge::ConfigDocument* megatron{};
  weighbridge::ConfigDocument* written{};             // the one that may be set; null if none
  const weighbridge::Catalogue* source{};
  std::vector<std::string>* notes{};
  std::string failure;                                // the first one
  weighbridge::Question question{weighbridge::Question::other};
  weighbridge::Registry* families{};                  // where parts are found; may be null
  std::vector<weighbridge::Part> parts;               // the outermost first
  weighbridge::EquationSet set;
  std::vector<weighbridge::Expression> expressions;   // handle 1 is the first
  std::map<std::string, wb_expression> substitutes;   // by the Hugging Face name in the whole model
  weighbridge::ForwardRun* run{};                     // while a model is run; else null
};

namespace weighbridge {

// The failure of a call, of which the first one counts.
inline int32_t failed(wb_call* call, std::string sentence) {
  if (call->failure.empty()) call->failure = std::move(sentence);
  return WB_FAILED;
}

// Calls a plugin's function. What it returns or throws becomes a status; `subject` and `file` say what it was about.
Result<bool> ask(const std::function<int32_t(const wb_host*, wb_call*)>& function, wb_call& call, std::string subject, std::string file);

// Members of a struct that crossed the boundary may only be touched if they lie within the size its maker stated.
template <class Struct, class Member>
bool reaches(const Struct& value, Member Struct::*member) {
  const auto* begin = reinterpret_cast<const char*>(&value);
  const auto* end = reinterpret_cast<const char*>(&(value.*member) + 1);
  return value.struct_size >= static_cast<std::size_t>(end - begin);
}

}  // namespace weighbridge
