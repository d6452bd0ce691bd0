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
template <class Has>
std::string first_beginning(Has&& has, std::initializer_list<std::string_view> known, std::string_view rest) {
  for (const auto prefix : known)
    if (auto name = std::string{prefix}; has(name + std::string{rest})) return name;
  return std::string{*known.begin()};
}
inline std::string beginning(const Model& model, std::initializer_list<std::string_view> known, std::string_view rest) {
  return first_beginning([&](const std::string& name) { return model.source_has(name); }, known, rest);
}
inline std::string beginning(const Forward& run, std::initializer_list<std::string_view> known, std::string_view rest) {
  return first_beginning([&](const std::string& name) { return run.has(name); }, known, rest);
}

// Tokens of text alone: what the model sees or hears is not run.
inline void forward_language_model(const Forward& run, const Part& part) {
  run.note("only the language model is run, on tokens of text");
  run.part(part);
}
// In Megatron all of them call it so.
inline void forward_megatron_language_model(const Forward& run, std::string_view architecture) {
  run.part({architecture, "", {}, {}, "language_model.", {}});
}

// A configuration object of transformers' that the Megatron model keeps, of the class `target`.
inline void keep_object(const Config& megatron, std::string_view name, std::string_view source, std::string_view target) {
  if (!megatron.adopt(name, source)) megatron.set_object(name);
  megatron.set(std::string{name} + "._target_", target);
}

}  // namespace multimodal
