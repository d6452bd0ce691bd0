#pragma once
// A part of a model that another family, of whatever plugin, knows: the language model of a vision-language model.

#include <weighbridge/abi.h>

#include <concepts>
#include <string_view>
#include <utility>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {

// What a part reads for a field that its configuration leaves out: its config class's default.
struct Default {
  std::string_view field;
  wb_value value{};

  Default(std::string_view name, bool truth) : field{name}, value{sizeof(wb_value), WB_VALUE_BOOLEAN, truth, 0, {}, 0} {}
  template <std::integral Integer>
  Default(std::string_view name, Integer integer) : field{name}, value{sizeof(wb_value), WB_VALUE_INTEGER, integer, 0, {}, 0} {}
  Default(std::string_view name, double number) : field{name}, value{sizeof(wb_value), WB_VALUE_NUMBER, 0, number, {}, 0} {}
  Default(std::string_view name, const char* text) : Default{name, std::string_view{text}} {}  // which else were a bool
  Default(std::string_view name, std::string_view text) : field{name}, value{sizeof(wb_value), WB_VALUE_STRING, 0, 0, {text.data(), text.size()}, 0} {}
};

// Given to Config::part in both translations (that of the Hugging Face document) and to Model::part in the equations.
struct Part {
  std::string_view architecture;             // whose family is asked: "MyModelForCausalLM"
  std::string_view config;                   // path of its part of config.json: "text_config"; empty: all of it
  std::vector<std::string_view> inherited;   // fields that the whole config.json states for it: "tie_word_embeddings"
  std::vector<std::pair<std::string_view, std::string_view>> renames;  // beginnings of Hugging Face names: {"model.", "model.language_model."}
  std::string_view megatron;                 // put before its Megatron names: "language_model."
  std::vector<Default> defaults;             // where they are not those of the family that is asked

  // Whether the host did it; if not it has recorded why.
  bool ask(const wb_host* host, wb_call* call) const {
    return told([&](const wb_component* component) { return host->component(call, component) == WB_OK; });
  }

  // Calls `host` with the component, which lives as long as the call.
  template <class Host>
  bool told(Host&& host) const {
    const auto text = [](std::string_view value) { return wb_string{value.data(), value.size()}; };
    std::vector<wb_string> fields;
    for (const auto field : inherited) fields.push_back(text(field));
    std::vector<wb_rename> names;
    for (const auto& [from, to] : renames) names.push_back({text(from), text(to)});
    std::vector<wb_default> values;
    for (const auto& otherwise : defaults) values.push_back({text(otherwise.field), otherwise.value});
    const wb_component component{sizeof(wb_component), text(architecture), text(config), fields.data(), fields.size(),
                                 names.data(), names.size(), text(megatron), values.data(), values.size()};
    return host(&component);
  }
};

}  // namespace sdk_v1
}  // namespace weighbridge
