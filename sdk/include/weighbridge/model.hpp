#pragma once
// Equations, as a family states them: Megatron parameter = expression over Hugging Face tensors.
//
//   model["embedding.word_embeddings.weight"] = vocabulary(model.tensor("model.embed_tokens.weight", {rows, hidden}));
//   for (auto [decoder, hf] : model.layers("decoder.layers.", "model.layers.", count)) {
//     decoder["self_attention.linear_qkv.weight"] = column(interleave(groups, q, k, v));
//     decoder["mlp.linear_fc1.weight"] = column(concat(gate, up));
//   }
//
// The words column, row, norm, replicated, vocabulary say what module holds the parameter: how tensor parallelism cuts
// it and whether it keeps an `_extra_state`.

#include <weighbridge/abi.h>
#include <weighbridge/config.hpp>
#include <weighbridge/stored.hpp>

#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {

// One after the other along the first axis: gate above up.
template <class... Tensors>
Tensor concat(const Tensor& first, const Tensors&... rest) { return detail::node(WB_CONCAT, {first, rest...}, {0}); }
inline Tensor concat_along(std::int64_t axis, const std::vector<Tensor>& parts) { return detail::node(WB_CONCAT, parts, {axis}); }

// Rows by query group: all of group 0 from each, then of group 1, …
template <class... Tensors>
Tensor interleave(std::int64_t groups, const Tensor& first, const Tensors&... rest) {
  return detail::node(WB_INTERLEAVE, {first, rest...}, {0, groups});
}
inline Tensor slice(const Tensor& whole, std::int64_t axis, std::int64_t begin, std::int64_t end) {
  return detail::node(WB_SLICE, {whole}, {axis, begin, end});
}
inline Tensor stack(const std::vector<Tensor>& entries) { return detail::node(WB_STACK, entries, {0}); }
inline Tensor transpose(const Tensor& matrix) { return detail::node(WB_TRANSPOSE, {matrix}, {1, 0}); }
inline Tensor transpose(const Tensor& operand, const Dimensions& permutation) { return detail::node(WB_TRANSPOSE, {operand}, permutation); }
inline Tensor reshape(const Tensor& operand, const Dimensions& shape) { return detail::node(WB_RESHAPE, {operand}, shape); }
inline Tensor pad_rows(const Tensor& operand, std::int64_t rows) { return detail::node(WB_PAD, {operand}, {0, rows}); }
inline Tensor cast(const Tensor& operand, uint32_t dtype) { return detail::node(operand.host, operand.call, WB_CAST, {operand}, {}, {}, dtype); }
inline Tensor add(const Tensor& operand, double constant) { return detail::node(operand.host, operand.call, WB_ADD, {operand}, {}, {}, 0, constant); }

// The operand once more: its elements go to Megatron here too, but come back from elsewhere.
inline Tensor echo(const Tensor& operand) { return detail::node(WB_ECHO, {operand}, {}); }
// Every entry of the first axis `times` times in a row; the first one comes back.
inline Tensor repeat(const Tensor& operand, std::int64_t times, const Dimensions& shape) {
  Dimensions copies{shape.at(0), 1}, result{shape};
  copies.insert(copies.end(), shape.begin() + 1, shape.end());
  result[0] *= times;
  std::vector<Tensor> entries{reshape(operand, copies)};
  while (static_cast<std::int64_t>(entries.size()) < times) entries.push_back(echo(entries.front()));
  return reshape(concat_along(1, entries), result);
}

// A parameter of a module of Megatron's.
struct Parameter {
  Tensor value;
  uint32_t split{};
  uint32_t extra_state{};
  uint32_t flags{};
};

inline Parameter column(const Tensor& value) { return {value, WB_SPLIT_AXIS_0, WB_EXTRA_EMPTY, 0}; }    // column-parallel linear
inline Parameter row(const Tensor& value) { return {value, WB_SPLIT_AXIS_1, WB_EXTRA_EMPTY, 0}; }       // row-parallel linear
inline Parameter norm(const Tensor& value) { return {value, WB_SPLIT_NONE, WB_EXTRA_EMPTY, 0}; }        // a norm of its own
inline Parameter replicated(const Tensor& value) { return {value, WB_SPLIT_NONE, WB_EXTRA_ABSENT, 0}; } // whole on every rank
inline Parameter vocabulary(const Tensor& value) { return {value, WB_SPLIT_AXIS_0, WB_EXTRA_ABSENT, WB_VOCABULARY}; }
// No parameter: what a module keeps that none is named after, because its weight is tied or stored in parts; or that it keeps
// nothing (WB_EXTRA_ABSENT) where others of its name do.
inline Parameter module_state(uint32_t extra_state) { return {{}, WB_SPLIT_NONE, extra_state, 0}; }

// The left-hand side: model["name"] = …
class Definition {
 public:
  Definition(const wb_host* host, wb_call* call, std::string_view stack, std::int64_t layer, std::int64_t layers, std::string_view name)
      : host_{host}, call_{call}, stack_{stack}, layer_{layer}, layers_{layers}, name_{name} {}

  // Of one of `experts` grouped experts; the name is without the number.
  Definition of_expert(std::int64_t expert, std::int64_t experts) const {
    auto definition = *this;
    definition.expert_ = expert;
    definition.experts_ = experts;
    return definition;
  }

  // Called so in the live model, as a part of that layer.
  Definition live(std::string_view name, std::int64_t layer) const {
    auto definition = *this;
    definition.live_ = name;
    definition.live_layer_ = layer;
    return definition;
  }

  void operator=(const Parameter& parameter) const {
    const wb_equation equation{sizeof(wb_equation), to_abi(stack_), layer_, layers_, to_abi(name_), parameter.value.handle,
                               parameter.split, parameter.extra_state, parameter.flags, expert_, experts_, to_abi(live_), live_layer_};
    if (host_->equation(call_, &equation) != WB_OK) throw Failure("the equation of " + name_ + " was refused");
  }

 private:
  const wb_host* host_;
  wb_call* call_;
  std::string stack_;
  std::int64_t layer_, layers_;
  std::string name_;
  std::int64_t expert_{}, experts_{};
  std::string live_;
  std::int64_t live_layer_{};
};

// One layer of a stack, on both sides.
class MegatronLayer {
 public:
  MegatronLayer(const wb_host* host, wb_call* call, std::string_view stack, std::int64_t layer, std::int64_t layers)
      : host_{host}, call_{call}, stack_{stack}, layer_{layer}, layers_{layers} {}
  Definition operator[](std::string_view name) const {
    const Definition definition{host_, call_, stack_, layer_, layers_, name_ + std::string{name}};
    return live_ ? definition.live(*live_ + std::string{name}, live_layer_) : definition;
  }
  // The parameters below `name`: layer.under("mlp.")["linear_fc1.weight"].
  MegatronLayer under(std::string_view name) const {
    auto inner = *this;
    inner.name_ += name;
    if (inner.live_) *inner.live_ += name;
    return inner;
  }
  // The parameters below `name` where checkpoints keep a kind of layers apart: as number `layer` of `layers` of that kind.
  // In the live model they are below `live`, in this layer.
  MegatronLayer of_kind(std::string_view name, std::string_view live, std::int64_t layer, std::int64_t layers) const {
    auto other = under(name);
    other.live_ = name_ + std::string{live};
    other.live_layer_ = layer_;
    other.layer_ = layer;
    other.layers_ = layers;
    return other;
  }

 private:
  const wb_host* host_;
  wb_call* call_;
  std::string stack_, name_;
  std::int64_t layer_, layers_;
  std::optional<std::string> live_;
  std::int64_t live_layer_{};
};

class HuggingFaceLayer {
 public:
  HuggingFaceLayer(const wb_host* host, wb_call* call, std::string prefix) : host_{host}, call_{call}, prefix_{std::move(prefix)} {}
  std::string name(std::string_view rest) const { return prefix_ + std::string{rest}; }
  Tensor operator()(std::string_view rest, const Dimensions& shape) const { return detail::stored(host_, call_, name(rest), shape); }
  std::optional<SourceTensor> source(std::string_view rest) const { return detail::source_tensor(host_, call_, name(rest)); }

 private:
  const wb_host* host_;
  wb_call* call_;
  std::string prefix_;
};

inline constexpr std::int64_t kMostLayers = 1 << 16;  // of a stack; more are a mistake in the configuration

struct Layer {
  MegatronLayer megatron;
  HuggingFaceLayer hugging_face;
  std::int64_t index{};
};

class Model {
 public:
  Model(const wb_host* host, wb_call* call) : host_{host}, call_{call} {}

  Definition operator[](std::string_view name) const { return {host_, call_, {}, 0, 0, name}; }
  // A tensor's values, decoded where the source stores them block-scaled (weighbridge/stored.hpp).
  Tensor tensor(std::string_view name, const Dimensions& shape) const { return detail::stored(host_, call_, std::string{name}, shape); }
  // A tensor as it is on disk: an operand of decode().
  Tensor raw(std::string_view name, const Dimensions& shape) const { return detail::node(host_, call_, WB_TENSOR, {}, shape, name); }

  // The number everywhere: a parameter for which Hugging Face has no tensor, and where any other value would be lost.
  Tensor filled(double number, const Dimensions& shape) const { return detail::node(host_, call_, WB_FILL, {}, shape, {}, 0, number); }

  // From here on, in the parts too, the tensor of that name is this expression.
  void substitute(std::string_view name, const Tensor& expression) const {
    if (host_->substitute(call_, to_abi(name), expression.handle) != WB_OK) throw Failure("the substitution of " + std::string{name} + " was refused");
  }

  // For every layer: what is called `megatron` + i + "." on one side and `hugging_face` + i + "." on the other.
  std::vector<Layer> layers(std::string_view megatron, std::string_view hugging_face, std::int64_t count) const {
    if (count < 0 || count > kMostLayers) throw Failure(std::string{hugging_face} + "* would be " + std::to_string(count) + " layers");
    std::vector<Layer> result;
    for (std::int64_t i = 0; i < count; ++i)
      result.push_back({{host_, call_, megatron, i, count},
                        {host_, call_, std::string{hugging_face} + std::to_string(i) + "."}, i});
    return result;
  }

  // One layer alone: index `layer` of `layers` on Megatron's side, number `number` on the other.
  Layer layer(std::string_view megatron, std::int64_t index, std::int64_t count, std::string_view hugging_face, std::int64_t number) const {
    return {{host_, call_, megatron, index, count}, {host_, call_, std::string{hugging_face} + std::to_string(number) + "."}, number};
  }

  // The document of the Megatron side, for what config.json leaves open; empty where there is none.
  Config megatron() const { return {host_, call_, WB_DOCUMENT_MEGATRON}; }
  // Whether there is a source to look at: on import always, on export where the reference has weights.
  bool has_source() const { return host_->has_source(call_) != 0; }
  // What the source holds under that name.
  std::optional<SourceTensor> source(std::string_view name) const { return detail::source_tensor(host_, call_, name); }
  bool source_has(std::string_view name) const { return source(name).has_value(); }

  // Says of a Hugging Face tensor why no equation uses it. It need not be there.
  void tied(std::string_view name, std::string_view to, std::string_view reason) const { detail::declare(host_, call_, WB_TIED, name, to, reason); }
  // Like tied, but it may have gone its own way; and it is written even where no reference says that it was there.
  void copy(std::string_view name, std::string_view of, std::string_view reason) const { detail::declare(host_, call_, WB_COPY, name, of, reason); }
  void dropped(std::string_view name, std::string_view reason) const { detail::declare(host_, call_, WB_DROPPED, name, {}, reason); }
  // Kept beside the Megatron checkpoint and given back on export; "talker.*" stands for all that begin so.
  void carried(std::string_view name, std::string_view reason) const { detail::declare(host_, call_, WB_CARRIED, name, {}, reason); }
  // Of a tensor that equations use in part: what they leave is zeros.
  void zeros(std::string_view name, std::string_view reason) const { detail::declare(host_, call_, WB_ZEROS, name, {}, reason); }

  // The equations of a part that another family knows.
  void part(const Part& part) const { part.ask(host_, call_) ? void() : throw Failure("a part of the model was refused"); }

 private:
  const wb_host* host_;
  wb_call* call_;
};

// The output layer of a language model: a head of its own, or a copy of the embedding that Megatron has no second place for.
inline void output_layer(const Model& model, bool tied, std::int64_t rows, std::int64_t hidden) {
  if (tied) model.tied("lm_head.weight", "model.embed_tokens.weight", "tie_word_embeddings");
  else model["output_layer.weight"] = vocabulary(model.tensor("lm_head.weight", {rows, hidden}));
}

}  // namespace sdk_v1
}  // namespace weighbridge
