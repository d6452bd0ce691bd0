#pragma once
// A part of a model that another family, of whatever plugin, knows: the language model of a vision-language model.

#include <weighbridge/abi.h>

#include <string_view>
#include <utility>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {

// Given to Config::part in both translations (that of the Hugging Face document) and to Model::part in the equations.
struct Part {
  std::string_view architecture;             // whose family is asked: "Qwen3ForCausalLM"
  std::string_view config;                   // path of its part of config.json: "text_config"; empty: all of it
  std::vector<std::string_view> inherited;   // fields that the whole config.json states for it: "tie_word_embeddings"
  std::vector<std::pair<std::string_view, std::string_view>> renames;  // beginnings of Hugging Face names: {"model.", "model.language_model."}
  std::string_view megatron;                 // put before its Megatron names: "language_model."

  // Whether the host did it; if not it has recorded why.
  bool ask(const wb_host* host, wb_call* call) const {
    const auto text = [](std::string_view value) { return wb_string{value.data(), value.size()}; };
    std::vector<wb_string> fields;
    for (const auto field : inherited) fields.push_back(text(field));
    std::vector<wb_rename> names;
    for (const auto& [from, to] : renames) names.push_back({text(from), text(to)});
    const wb_component component{sizeof(wb_component), text(architecture), text(config), fields.data(), fields.size(),
                                 names.data(), names.size(), text(megatron)};
    return host->component(call, &component) == WB_OK;
  }
};

}  // namespace sdk_v1
}  // namespace weighbridge
