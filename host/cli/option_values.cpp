#include <algorithm>
#include <array>
#include <initializer_list>

#include "cli/options.hpp"

namespace weighbridge {
namespace {

std::string folded(std::string_view text) {
  std::string lower{text};
  for (auto& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '-';
  }
  return lower;
}

// The one of `values` that is called so, letter case, dashes and underscores aside.
template <class Value>
Result<Value> named(std::string_view text, std::initializer_list<Value> values, const char* problem, const char* remedy) {
  for (const auto value : values)
    if (folded(text) == folded(to_string(value))) return value;
  return Error{Error::Kind::usage, {}, std::string{text}, problem, remedy};
}

}  // namespace

Result<DType> parse_dtype(std::string_view text) {
  struct Spelling {
    std::string_view name;
    DType dtype;
  };
  constexpr std::array<Spelling, 10> kSpellings{{{"bfloat16", DType::bf16}, {"bf16", DType::bf16},
                                                 {"float16", DType::f16}, {"fp16", DType::f16}, {"f16", DType::f16},
                                                 {"half", DType::f16}, {"float32", DType::f32}, {"fp32", DType::f32},
                                                 {"f32", DType::f32}, {"float", DType::f32}}};
  auto name = folded(text);
  if (name.starts_with("torch.")) name.erase(0, 6);
  for (const auto& spelling : kSpellings) {
    if (spelling.name == name) return spelling.dtype;
  }
  return Error{Error::Kind::usage, {}, std::string{text}, "is not a type that weights can be cast to",
               "Say bfloat16, float16 or float32"};
}

Result<Quantize> parse_quantize(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, Quantize>, 5> kNames{
      {{"none", Quantize::none}, {"reference", Quantize::reference}, {"fp8", Quantize::fp8}, {"mxfp4", Quantize::mxfp4}, {"int4", Quantize::int4}}};
  for (const auto& [name, quantize] : kNames) {
    if (folded(text) == name) return quantize;
  }
  return Error{Error::Kind::usage, {}, std::string{text}, "is no way to store weights", "Say none, reference, fp8, mxfp4 or int4"};
}

Result<MegatronStorage> parse_storage(std::string_view text) {
  return named(text, {MegatronStorage::torch_dist, MegatronStorage::torch}, "is no checkpoint format that can be written", "Say torch_dist or torch");
}

Result<ModelClass> parse_model_class(std::string_view text) {
  return named(text, {ModelClass::gpt, ModelClass::hybrid}, "is no class of model", "Say gpt or hybrid");
}

Result<ModuleSpec> parse_spec(std::string_view text) {
  return named(text, {ModuleSpec::transformer_engine, ModuleSpec::local}, "is no implementation of Megatron's modules", "Say transformer_engine or local");
}

Result<MegatronFlavor> parse_flavor(std::string_view text) {
  return named(text, {MegatronFlavor::bridge, MegatronFlavor::megatron_lm}, "is not a flavor of Megatron checkpoints", "Say bridge or megatron-lm");
}

}  // namespace weighbridge
