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

#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {

using Dimensions = std::vector<std::int64_t>;

// An expression of the host's; a value that may be copied freely within one call.
struct Tensor {
  const wb_host* host{};
  wb_call* call{};
  wb_expression handle{};
};

namespace detail {

inline Tensor node(const wb_host* host, wb_call* call, uint32_t operation, const std::vector<Tensor>& operands,
                   const Dimensions& integers, std::string_view name = {}, uint32_t dtype = 0, double number = 0) {
  std::vector<wb_expression> handles;
  for (const auto& operand : operands) handles.push_back(operand.handle);
  const wb_node description{sizeof(wb_node), operation, dtype, number, to_abi(name), integers.data(), integers.size(),
                            handles.data(), handles.size()};
  const auto handle = host->expression(call, &description);
  if (handle == 0) throw Failure("an expression was refused");  // the host has recorded why
  return {host, call, handle};
}

inline Tensor node(uint32_t operation, const std::vector<Tensor>& operands, const Dimensions& integers) {
  return node(operands.at(0).host, operands.at(0).call, operation, operands, integers);
}

}  // namespace detail

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

// The left-hand side: model["name"] = …
class Definition {
 public:
  Definition(const wb_host* host, wb_call* call, std::string_view stack, std::int64_t layer, std::int64_t layers, std::string_view name)
      : host_{host}, call_{call}, stack_{stack}, layer_{layer}, layers_{layers}, name_{name} {}

  void operator=(const Parameter& parameter) const {
    const wb_equation equation{sizeof(wb_equation), to_abi(stack_), layer_, layers_, to_abi(name_), parameter.value.handle,
                               parameter.split, parameter.extra_state, parameter.flags};
    if (host_->equation(call_, &equation) != WB_OK) throw Failure("the equation of " + name_ + " was refused");
  }

 private:
  const wb_host* host_;
  wb_call* call_;
  std::string stack_;
  std::int64_t layer_, layers_;
  std::string name_;
};

// One layer of a stack, on both sides.
class MegatronLayer {
 public:
  MegatronLayer(const wb_host* host, wb_call* call, std::string_view stack, std::int64_t layer, std::int64_t layers)
      : host_{host}, call_{call}, stack_{stack}, layer_{layer}, layers_{layers} {}
  Definition operator[](std::string_view name) const { return {host_, call_, stack_, layer_, layers_, name}; }

 private:
  const wb_host* host_;
  wb_call* call_;
  std::string stack_;
  std::int64_t layer_, layers_;
};

class HuggingFaceLayer {
 public:
  HuggingFaceLayer(const wb_host* host, wb_call* call, std::string prefix) : host_{host}, call_{call}, prefix_{std::move(prefix)} {}
  std::string name(std::string_view rest) const { return prefix_ + std::string{rest}; }
  Tensor operator()(std::string_view rest, const Dimensions& shape) const {
    return detail::node(host_, call_, WB_TENSOR, {}, shape, name(rest));
  }

 private:
  const wb_host* host_;
  wb_call* call_;
  std::string prefix_;
};

struct Layer {
  MegatronLayer megatron;
  HuggingFaceLayer hugging_face;
  std::int64_t index{};
};

class Model {
 public:
  Model(const wb_host* host, wb_call* call) : host_{host}, call_{call} {}

  Definition operator[](std::string_view name) const { return {host_, call_, {}, 0, 0, name}; }
  Tensor tensor(std::string_view name, const Dimensions& shape) const { return detail::node(host_, call_, WB_TENSOR, {}, shape, name); }

  // For every layer: what is called `megatron` + i + "." on one side and `hugging_face` + i + "." on the other.
  std::vector<Layer> layers(std::string_view megatron, std::string_view hugging_face, std::int64_t count) const {
    std::vector<Layer> result;
    for (std::int64_t i = 0; i < count; ++i)
      result.push_back({{host_, call_, megatron, i, count},
                        {host_, call_, std::string{hugging_face} + std::to_string(i) + "."}, i});
    return result;
  }

  // Whether the source (on export the reference, if there is one) holds a tensor of that name.
  bool source_has(std::string_view name) const {
    wb_tensor_info info{};
    info.struct_size = sizeof(info);
    return host_->tensor(call_, to_abi(name), &info) == WB_OK;
  }

  // Says of a Hugging Face tensor why no equation uses it. It need not be there.
  void tied(std::string_view name, std::string_view to, std::string_view reason) const { declare(WB_TIED, name, to, reason); }
  void dropped(std::string_view name, std::string_view reason) const { declare(WB_DROPPED, name, {}, reason); }

 private:
  void declare(uint32_t kind, std::string_view name, std::string_view other, std::string_view reason) const {
    const wb_declaration declaration{sizeof(wb_declaration), kind, to_abi(name), to_abi(other), to_abi(reason)};
    if (host_->declare(call_, &declaration) != WB_OK) throw Failure("the declaration of " + std::string{name} + " was refused");
  }

  const wb_host* host_;
  wb_call* call_;
};

}  // namespace sdk_v1
}  // namespace weighbridge
