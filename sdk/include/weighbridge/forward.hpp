#pragma once
// What a family computes, for weighbridge/forward_abi.h. A family opts in by having
//
//   static void forward_hugging_face(const Config& hf, Forward& run);
//   static void forward_megatron(const Config& megatron, Forward& run);
//
// and gives every state and the logits to `run`. Blocks to write them with are in weighbridge/forward/.

#include <weighbridge/config.hpp>
#include <weighbridge/forward/matrix.hpp>
#include <weighbridge/forward_abi.h>
#include <weighbridge/part.hpp>
#include <weighbridge/stored.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weighbridge {
inline namespace sdk_v1 {

// The checkpoint of one side and the tokens that its model is run on. A tensor that is not there is a Failure that names it.
class Forward {
 public:
  Forward(const wb_host* host, wb_call* call, const wb_forward_run* run) : note_{host, call}, call_{call}, run_{run} {}

  // What the user should know: that implementations compute otherwise than is compared here.
  void note(std::string_view sentence) const { note_(sentence); }

  std::int64_t sequences() const { return run_->sequences; }
  std::int64_t length() const { return run_->length; }
  std::int64_t tokens() const { return run_->sequences * run_->length; }
  // The place of a token in its sequence.
  std::int64_t position(std::int64_t token) const { return token % run_->length; }

  bool has(std::string_view name) const {
    wb_tensor_info info{};
    info.struct_size = sizeof(info);
    return run_->tensor(call_, to_abi(name), &info) == WB_OK;
  }
  Dimensions shape(std::string_view name) const {
    wb_tensor_info info{};
    info.struct_size = sizeof(info);
    if (run_->tensor(call_, to_abi(name), &info) != WB_OK) throw Failure(std::string{name} + " is not among the tensors");
    return {info.shape, info.shape + info.rank};
  }

  // A small tensor whole: a norm's weight, a bias.
  std::vector<float> values(std::string_view name) const {
    const auto [rows, columns] = extents(name);
    return this->rows(name, 0, rows).values;
  }
  // Where there is one; else nothing.
  std::vector<float> values_if_any(std::string_view name) const { return has(name) ? values(name) : std::vector<float>{}; }
  forward::Matrix rows(std::string_view name, std::int64_t first, std::int64_t count) const {
    forward::Matrix result{count, extents(name).second};
    check(run_->rows(call_, to_abi(name), first, count, result.values.data()), name);
    return result;
  }
  // A row for each token.
  forward::Matrix embedded(std::string_view name) const {
    forward::Matrix result{tokens(), extents(name).second};
    for (std::int64_t t = 0; t < tokens(); ++t)
      check(run_->rows(call_, to_abi(name), run_->tokens[t], 1, result.row(t)), name);
    return result;
  }

  // x * W^T
  forward::Matrix linear(std::string_view weight, const forward::Matrix& x) const { return linear(weight, x, 0, extents(weight).first); }
  // … with W those rows of the tensor.
  forward::Matrix linear(std::string_view weight, const forward::Matrix& x, std::int64_t first, std::int64_t count) const {
    expect(weight, extents(weight).second, x.columns);
    forward::Matrix y{x.rows, count};
    multiply(weight, WB_PRODUCT_ROWS, first, count, x, y);
    return y;
  }
  // x * W with W those rows of the tensor.
  forward::Matrix turned(std::string_view weight, const forward::Matrix& x, std::int64_t first, std::int64_t count) const {
    expect(weight, count, x.columns);
    forward::Matrix y{x.rows, extents(weight).second};
    multiply(weight, WB_PRODUCT_TURNED, first, count, x, y);
    return y;
  }
  // The linear layer `module`: its "weight", and its "bias" if it has one.
  forward::Matrix module(const std::string& module, const forward::Matrix& x) const {
    auto y = linear(module + "weight", x);
    forward::add_row(y, values_if_any(module + "bias"));
    return y;
  }

  // Lets another family run the model: the language model of one that sees, too. It gives the states and the logits.
  void part(const Part& part) const {
    if (!part.told([&](const wb_component* component) { return run_->part(call_, component) == WB_OK; })) throw Failure("a part of the model was refused");
  }

  // The residual stream after the embedding (layer -1) and after each layer; then the result.
  void state(std::int64_t layer, const forward::Matrix& x) const {
    const wb_values values{sizeof(wb_values), x.columns, x.values.data()};
    check(run_->state(call_, layer, &values), "the state after a layer");
  }
  void logits(const forward::Matrix& x) const {
    const wb_values values{sizeof(wb_values), x.columns, x.values.data()};
    check(run_->logits(call_, &values), "the logits");
  }

 private:
  std::pair<std::int64_t, std::int64_t> extents(std::string_view name) const {
    const auto all = shape(name);
    std::int64_t rows = 1;
    for (std::size_t i = 0; i + 1 < all.size(); ++i) rows *= all[i];
    return {rows, all.empty() ? 1 : all.back()};
  }
  static void expect(std::string_view weight, std::int64_t wanted, std::int64_t found) {
    if (wanted != found)
      throw Failure(std::string{weight} + " takes " + std::to_string(wanted) + " features and gets " + std::to_string(found));
  }
  void multiply(std::string_view weight, std::uint32_t kind, std::int64_t first, std::int64_t count, const forward::Matrix& x, forward::Matrix& y) const {
    const wb_product product{sizeof(wb_product), to_abi(weight), first, count, kind, x.rows, x.values.data(), y.values.data()};
    check(run_->multiply(call_, &product), weight);
  }
  static void check(std::int32_t result, std::string_view what) {
    if (result != WB_OK) throw Failure(std::string{what} + " was refused");  // the host has recorded why
  }

  Notes note_;
  wb_call* call_;
  const wb_forward_run* run_;
};

}  // namespace sdk_v1
}  // namespace weighbridge
