#pragma once
// Hugging Face tensors as a source stores them: plain, or block-scaled in one of the published ways, which are found by
// the names and types of the tensors that are there:
//
//   X            F8_E4M3 with X_scale_inv or X_scale beside it: blocks of 128 by 128 (or what
//                quantization_config.weight_block_size says), one scale for a row, or one for all
//   X_packed     I32 with X_scale (INT4, compressed-tensors) or U8 with X_scale (MXFP4): a scale for as many columns as divide
//                evenly; X_shape beside it
//
// On export a family sees a reference so only where its storage is to be written.

#include <weighbridge/abi.h>
#include <weighbridge/config.hpp>

#include <cstdint>
#include <optional>
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

// What is known of a tensor of the source.
struct SourceTensor {
  uint32_t dtype{};
  Dimensions shape;
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

inline std::optional<SourceTensor> source_tensor(const wb_host* host, wb_call* call, std::string_view name) {
  wb_tensor_info info{};
  info.struct_size = sizeof(info);
  if (host->tensor(call, to_abi(name), &info) != WB_OK) return std::nullopt;
  return SourceTensor{info.dtype, Dimensions(info.shape, info.shape + info.rank)};
}

inline void declare(const wb_host* host, wb_call* call, uint32_t kind, std::string_view name, std::string_view other, std::string_view reason) {
  const wb_declaration declaration{sizeof(wb_declaration), kind, to_abi(name), to_abi(other), to_abi(reason)};
  if (host->declare(call, &declaration) != WB_OK) throw Failure("the declaration of " + std::string{name} + " was refused");
}

}  // namespace detail

// Block-scaled values; see WB_DECODE. `scales` may be absent.
inline Tensor decode(std::string_view codec, const Tensor& data, const std::optional<Tensor>& scales, std::int64_t block_rows,
                     std::int64_t block_columns, const Dimensions& shape) {
  Dimensions integers{block_rows, block_columns};
  integers.insert(integers.end(), shape.begin(), shape.end());
  std::vector<Tensor> operands{data};
  if (scales) operands.push_back(*scales);
  return detail::node(data.host, data.call, WB_DECODE, operands, integers, codec);
}

namespace detail {

// Rows and columns of a block of which a tensor of `shape` has as many scales as `grid` says.
inline std::pair<std::int64_t, std::int64_t> block_of(const wb_host* host, wb_call* call, const std::string& name, const Dimensions& shape,
                                                      const Dimensions& grid) {
  const Config config{host, call, WB_DOCUMENT_HUGGING_FACE};
  const auto columns = shape.empty() ? 1 : shape.back();
  std::int64_t rows = 1, scales = 1;
  for (std::size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  for (const auto extent : grid) scales *= extent;
  if (scales == 1) return {rows, columns};
  const auto high = config.integer("quantization_config.weight_block_size.0", 128), wide = config.integer("quantization_config.weight_block_size.1", 128);
  // Of many matrices in one tensor, the blocks of one do not reach into the next.
  const bool whole = grid.size() == 2 || (grid.size() == shape.size() && shape.size() > 2 && high > 0 && shape[shape.size() - 2] % high == 0);
  if (whole && high > 0 && wide > 0 && scales / grid.back() == (rows + high - 1) / high && grid.back() == (columns + wide - 1) / wide)
    return {high, wide};
  if (scales == rows) return {1, columns};
  if (grid.size() == shape.size() && scales / grid.back() == rows && columns % grid.back() == 0) return {1, columns / grid.back()};
  throw Failure(name + " has scales of a shape that no known block size gives");
}

inline Tensor stored(const wb_host* host, wb_call* call, const std::string& name, const Dimensions& shape) {
  const auto tensor = [&](const std::string& of, const Dimensions& its_shape) { return node(host, call, WB_TENSOR, {}, its_shape, of); };
  if (const auto plain = source_tensor(host, call, name)) {
    if (plain->dtype != WB_DTYPE_F8_E4M3) return tensor(name, shape);
    // Both names mean a factor of the values.
    const auto inverse = name + "_scale_inv", scale_name = source_tensor(host, call, inverse) ? inverse : name + "_scale";
    const auto scales = source_tensor(host, call, scale_name);
    if (!scales) return decode("fp8_e4m3", tensor(name, shape), {}, 1, 1, shape);
    const auto [rows, columns] = block_of(host, call, name, shape, scales->shape);
    return decode("fp8_e4m3", tensor(name, shape), tensor(scale_name, scales->shape), rows, columns, shape);
  }
  const auto packed = source_tensor(host, call, name + "_packed"), scales = source_tensor(host, call, name + "_scale");
  if (!packed || !scales) return tensor(name, shape);
  const auto [rows, columns] = block_of(host, call, name, shape, scales->shape);
  declare(host, call, WB_CARRIED, name + "_shape", {}, "the shape of packed values, which Megatron holds decoded");
  return decode(packed->dtype == WB_DTYPE_I32 ? "int4" : "mxfp4", tensor(name + "_packed", packed->shape),
                tensor(name + "_scale", scales->shape), rows, columns, shape);
}

}  // namespace detail

}  // namespace sdk_v1
}  // namespace weighbridge
