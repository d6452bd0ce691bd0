#pragma once
// What composed models have in common: names that differ from file to file, and providers that say whose a document is.

#include <weighbridge/family.hpp>
#include <weighbridge/translation.hpp>

#include <initializer_list>
#include <string>
#include <string_view>

namespace multimodal {

using namespace weighbridge;

// transformers has renamed the parts of these models more than once. The first of several beginnings under which the source
// holds a tensor of the name `rest`; the very first, which is that of the published files, where none does.
inline std::string beginning(const Model& model, std::initializer_list<std::string_view> known, std::string_view rest) {
  for (const auto prefix : known)
    if (auto name = std::string{prefix}; model.source_has(name + std::string{rest})) return name;
  return std::string{*known.begin()};
}

// A configuration object of transformers' that the Megatron model keeps, of the class `target`.
inline void keep_object(const Config& megatron, std::string_view name, std::string_view source, std::string_view target) {
  if (!megatron.adopt(name, source)) megatron.set_object(name);
  megatron.set(std::string{name} + "._target_", target);
}

}  // namespace multimodal
