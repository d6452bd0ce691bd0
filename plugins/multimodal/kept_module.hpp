#pragma once
// A module of transformers' that the Megatron model holds as it is: every parameter keeps its name, below another
// beginning, and is whole on every rank.

#include <weighbridge/family.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace multimodal {

using namespace weighbridge;

class KeptModule {
 public:
  KeptModule(const Model& model, std::string megatron, std::string hugging_face)
      : model_{model}, megatron_{std::move(megatron)}, hugging_face_{std::move(hugging_face)} {}

  KeptModule under(const std::string& name) const { return {model_, megatron_ + name, hugging_face_ + name}; }
  // The i-th entry of a list of modules: "layers." + i + ".".
  KeptModule entry(std::string_view list, std::int64_t i) const { return under(std::string{list} + std::to_string(i) + "."); }

  void parameter(std::string_view name, const Dimensions& shape) const {
    model_[megatron_ + std::string{name}] = replicated(model_.tensor(hugging_face_ + std::string{name}, shape));
  }
  void weight(const std::string& name, const Dimensions& shape) const { parameter(name + ".weight", shape); }
  // Convolutions too: one bias for each output.
  void with_bias(const std::string& name, const Dimensions& shape) const {
    weight(name, shape);
    parameter(name + ".bias", {shape.front()});
  }
  void layer_norm(const std::string& name, std::int64_t width) const { with_bias(name, {width}); }

 private:
  const Model& model_;
  std::string megatron_, hugging_face_;
};

}  // namespace multimodal
