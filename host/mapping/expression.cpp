#include "mapping/expression.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace weighbridge {
namespace {

Error wrong(std::string problem) {
  return {Error::Kind::mismatch, "", "", std::move(problem), "This is a fault of the plugin: report it to its author"};
}

bool is_axis(const Expression& operand, std::int64_t axis) {
  return axis >= 0 && axis < static_cast<std::int64_t>(operand.shape.size());
}

// Puts every piece of `operand`, seen as `shape`, to where `strides` and `base` say, clipped to `box`.
Result<std::vector<Piece>> placed(const Expression& operand, const Shape& shape, const Box& box, const Shape& strides,
                                  std::int64_t base) {
  if (operand.constant) return wrong("a constant is a whole equation");
  std::vector<Piece> pieces;
  for (const auto& piece : operand.pieces) {
    auto maps = place_target(piece.map, shape, box, strides, base);
    if (!maps) return wrong("the layout falls into more than 65,536 strided pieces");
    for (auto& map : *maps) pieces.push_back({piece.leaf, std::move(map), piece.addend, piece.dtype, piece.echo});
  }
  return pieces;
}

// Operands one after the other along an axis.
Result<Expression> joined(std::int64_t axis, const std::vector<const Expression*>& operands) {
  if (operands.empty() || !is_axis(*operands.front(), axis)) return wrong("concat without operands or beyond their axes");
  const auto at = static_cast<std::size_t>(axis);
  Expression result{operands.front()->shape, {}, false};
  result.shape[at] = 0;
  for (const auto* operand : operands) {
    auto others = operand->shape;
    if (others.size() != result.shape.size()) return wrong("concat of tensors of different rank");
    const auto extent = others[at];
    others[at] = result.shape[at];
    if (others != result.shape)
      return wrong(fmt::format("concat along axis {} of {} and {}", axis, to_string(operands.front()->shape),
                               to_string(operand->shape)));
    const auto sum = checked_add(result.shape[at], extent);
    if (!sum) return wrong("concat beyond what can be counted");
    result.shape[at] = *sum;
  }
  if (!element_count(result.shape)) return wrong("concat beyond what can be counted");
  const auto strides = row_major_strides(result.shape);
  std::int64_t offset = 0;
  for (const auto* operand : operands) {
    auto pieces = placed(*operand, operand->shape, whole(operand->shape), strides, offset * strides[at]);
    if (!pieces) return pieces.error();
    for (auto& piece : *pieces) result.pieces.push_back(std::move(piece));
    result.padded |= operand->padded;
    offset += operand->shape[at];
  }
  return result;
}

}  // namespace

std::optional<std::uint32_t> Algebra::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::nullopt : std::optional{found->second};
}

Algebra::Algebra(const Algebra& other) : leaves_{other.leaves_} {
  for (const auto& [name, number] : other.by_name_) by_name_.emplace(leaves_[number].name, number);
}

Algebra& Algebra::operator=(Algebra other) noexcept {
  leaves_.swap(other.leaves_);
  by_name_.swap(other.by_name_);
  return *this;
}

Result<Expression> Algebra::tensor(std::string_view name, Shape shape) {
  const auto count = element_count(shape);
  if (name.empty()) return wrong("a tensor without a name");
  if (!count || *count == 0)
    return wrong(fmt::format("tensor {} of the impossible shape {}", name, to_string(shape)));
  auto entry = by_name_.find(name);
  if (entry == by_name_.end()) {
    const auto number = static_cast<std::uint32_t>(leaves_.size());
    entry = by_name_.emplace(leaves_.emplace_back(Leaf{std::string{name}, shape, {}, false}).name, number).first;
  }
  if (leaves_[entry->second].storage) return wrong(fmt::format("tensor {} is used encoded and decoded", name));
  if (leaves_[entry->second].shape != shape)
    return wrong(fmt::format("tensor {} is said to be {} and {}", name, to_string(leaves_[entry->second].shape),
                             to_string(shape)));
  return Expression{std::move(shape), {{entry->second, identity_map(*count), 0, {}, false}}, false};
}

Result<Expression> Algebra::concat(std::int64_t axis, const std::vector<const Expression*>& operands) const {
  auto result = joined(axis, operands);
  if (!result) return result;
  result->parts = Parts{static_cast<std::size_t>(axis), {}};
  for (const auto* operand : operands) result->parts->extents.push_back(operand->shape[static_cast<std::size_t>(axis)]);
  return result;
}

Result<Expression> Algebra::interleave(std::int64_t axis, std::int64_t groups,
                                       const std::vector<const Expression*>& operands) const {
  const auto at = static_cast<std::ptrdiff_t>(axis);
  std::vector<Expression> grouped;
  for (const auto* operand : operands) {
    if (!is_axis(*operand, axis) || groups < 1 || operand->shape[static_cast<std::size_t>(axis)] % groups != 0)
      return wrong(fmt::format("{} cannot be cut into {} groups along axis {}", to_string(operand->shape), groups, axis));
    auto shape = operand->shape;
    shape[static_cast<std::size_t>(axis)] /= groups;
    shape.insert(shape.begin() + at, groups);
    grouped.push_back({std::move(shape), operand->pieces, operand->padded});
  }
  std::vector<const Expression*> views;
  for (const auto& operand : grouped) views.push_back(&operand);
  auto result = joined(axis + 1, views);
  if (!result) return result;
  auto& shape = result->shape;
  shape[static_cast<std::size_t>(axis) + 1] *= groups;
  shape.erase(shape.begin() + at);
  return result;
}

Result<Expression> Algebra::slice(const Expression& operand, std::int64_t axis, std::int64_t begin,
                                  std::int64_t end) const {
  if (!is_axis(operand, axis) || begin < 0 || begin >= end || end > operand.shape[static_cast<std::size_t>(axis)])
    return wrong(fmt::format("slice [{}, {}) of axis {} of {}", begin, end, axis, to_string(operand.shape)));
  auto box = whole(operand.shape);
  box.offsets[static_cast<std::size_t>(axis)] = begin;
  box.sizes[static_cast<std::size_t>(axis)] = end - begin;
  auto pieces = placed(operand, operand.shape, box, row_major_strides(box.sizes), 0);
  if (!pieces) return pieces.error();
  return Expression{box.sizes, std::move(*pieces), operand.padded};
}

Result<Expression> Algebra::stack(std::int64_t axis, const std::vector<const Expression*>& operands) const {
  std::vector<Expression> entries;
  for (const auto* operand : operands) {
    if (axis < 0 || axis > static_cast<std::int64_t>(operand->shape.size())) return wrong("stack beyond the axes");
    auto shape = operand->shape;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    entries.push_back({std::move(shape), operand->pieces, operand->padded});
  }
  std::vector<const Expression*> views;
  for (const auto& entry : entries) views.push_back(&entry);
  return joined(axis, views);
}

Result<Expression> Algebra::transpose(const Expression& operand, const Shape& permutation) const {
  auto sorted = permutation;
  std::ranges::sort(sorted);
  Shape shape, target_strides(operand.shape.size());
  for (std::size_t axis = 0; axis < sorted.size(); ++axis)
    if (sorted[axis] != static_cast<std::int64_t>(axis)) return wrong("transpose by something that is no permutation");
  if (sorted.size() != operand.shape.size()) return wrong("transpose by a permutation of another rank");
  for (const auto axis : permutation) shape.push_back(operand.shape[static_cast<std::size_t>(axis)]);
  const auto strides = row_major_strides(shape);
  for (std::size_t axis = 0; axis < permutation.size(); ++axis)
    target_strides[static_cast<std::size_t>(permutation[axis])] = strides[axis];
  auto pieces = placed(operand, operand.shape, whole(operand.shape), target_strides, 0);
  if (!pieces) return pieces.error();
  return Expression{std::move(shape), std::move(*pieces), operand.padded};
}

Result<Expression> Algebra::reshape(Expression operand, Shape shape) const {
  if (element_count(shape) != element_count(operand.shape))
    return wrong(fmt::format("reshape of {} to {}", to_string(operand.shape), to_string(shape)));
  if (shape != operand.shape) operand.parts.reset();
  operand.shape = std::move(shape);
  return operand;
}

Result<Expression> Algebra::pad(const Expression& operand, std::int64_t axis, std::int64_t extent) const {
  if (!is_axis(operand, axis) || extent < operand.shape[static_cast<std::size_t>(axis)])
    return wrong(fmt::format("pad of axis {} of {} to {}", axis, to_string(operand.shape), extent));
  auto shape = operand.shape;
  const bool grows = shape[static_cast<std::size_t>(axis)] != extent;
  shape[static_cast<std::size_t>(axis)] = extent;
  if (!element_count(shape)) return wrong("pad beyond what can be counted");
  auto pieces = placed(operand, operand.shape, whole(operand.shape), row_major_strides(shape), 0);
  if (!pieces) return pieces.error();
  return Expression{std::move(shape), std::move(*pieces), operand.padded || grows};
}

Result<Expression> Algebra::cast(Expression operand, DType dtype) const {
  for (auto& piece : operand.pieces) piece.dtype = dtype;
  return operand;
}

Result<Expression> Algebra::add(Expression operand, double constant) const {
  for (auto& piece : operand.pieces) {
    if (piece.addend != 0) return wrong("two additions to one tensor; add once");
    piece.addend = constant;
  }
  return operand;
}

Result<std::uint32_t> Algebra::storage_leaf(const Expression& operand, std::string_view what) const {
  if (operand.pieces.size() != 1) return wrong(fmt::format("{} of a codec must be one tensor as it is on disk", what));
  const auto& piece = operand.pieces.front();
  const auto& leaf = leaves_[piece.leaf];
  const bool whole_tensor = piece.map == identity_map(element_count(leaf.shape).value_or(0)) && operand.shape == leaf.shape;
  if (!whole_tensor || leaf.decoding || leaf.storage || piece.echo || piece.dtype || piece.addend != 0)
    return wrong(fmt::format("{} of a codec must be one tensor as it is on disk, used nowhere else", what));
  return piece.leaf;
}

Result<Expression> Algebra::decode(const BlockScaled& form, const Expression& data, const Expression* scales) {
  const auto count = element_count(form.shape);
  if (!count || *count == 0 || form.block_rows < 1 || form.block_columns < 1)
    return wrong(fmt::format("codec {} with values of {} in blocks of {} by {}", to_string(form.codec), to_string(form.shape),
                             form.block_rows, form.block_columns));
  const auto packed = std::int64_t{form.codec == Codec::int4 ? 32 : 8} / bits(form.codec);  // values of one element of data
  if (form.columns() % packed != 0 || element_count(data.shape) != *count / packed)
    return wrong(fmt::format("codec {}: {} cannot hold values of {}", to_string(form.codec), to_string(data.shape), to_string(form.shape)));
  if (scales && element_count(scales->shape) != form.scale_count())
    return wrong(fmt::format("codec {}: values of {} in blocks of {} by {} need {} scales, not {}", to_string(form.codec),
                             to_string(form.shape), form.block_rows, form.block_columns, form.scale_count(), to_string(scales->shape)));
  auto data_leaf = storage_leaf(data, "the data");
  if (!data_leaf) return data_leaf.error();
  Decoding decoding{form, *data_leaf, std::nullopt};
  if (scales) {
    auto scales_leaf = storage_leaf(*scales, "the scales");
    if (!scales_leaf) return scales_leaf.error();
    if (*scales_leaf == *data_leaf) return wrong("a tensor cannot be its own scales");
    decoding.scales = *scales_leaf;
    leaves_[*scales_leaf].storage = true;
  }
  leaves_[*data_leaf].storage = true;
  const auto number = static_cast<std::uint32_t>(leaves_.size());
  leaves_.push_back({leaves_[*data_leaf].name, form.shape, std::make_shared<const Decoding>(std::move(decoding)), false});
  return Expression{form.shape, {{number, identity_map(*count), 0, {}, false}}, false};
}

Result<Expression> Algebra::echo(Expression operand) const {
  for (auto& piece : operand.pieces) piece.echo = true;
  return operand;
}

Result<Expression> Algebra::fill(double number, Shape shape) const {
  const auto count = element_count(shape);
  if (!count || *count == 0) return wrong(fmt::format("a constant of the impossible shape {}", to_string(shape)));
  return Expression{std::move(shape), {}, true, number};
}

}  // namespace weighbridge
