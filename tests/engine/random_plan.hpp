#pragma once
// Random plans that are sound: every element of every tensor is written once, or declared padding.

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mapping/plan.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

class RandomPlan {
 public:
  explicit RandomPlan(std::uint32_t seed) : random_{seed} {
    sources.resize(static_cast<std::size_t>(number(1, 3)));
    plan.files.resize(static_cast<std::size_t>(number(1, 3)));
    for (std::uint32_t file = 0; file < plan.files.size(); ++file) {
      plan.files[file].path = (file == 1 ? "inner/folder/file" : "file") + std::to_string(file);
      for (auto pieces = number(0, 4); pieces > 0; --pieces) {
        if (number(0, 2) == 0) add_literal(file);
        add_tensor(file);
      }
      add_literal(file);
    }
    // Checksums of any tensor may be asked for in any literal.
    for (auto& literal : plan.literals)
      for (std::uint32_t at = 0; at + 4 <= literal.bytes.size() && !plan.tensors.empty(); at += 4)
        literal.checksums.push_back(
            {static_cast<std::uint32_t>(number(0, static_cast<std::int64_t>(plan.tensors.size()) - 1)), at});
  }

  std::int64_t number(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution{least, most}(random_);
  }

  Plan plan;                         // without the paths of its sources
  std::vector<std::string> sources;  // their bytes

 private:
  void add_literal(std::uint32_t file) {
    Literal literal{file, plan.files[file].size, {}, {}};
    std::string bytes;
    for (auto left = number(0, 20); left > 0; --left) bytes += static_cast<char>(number(0, 255));
    literal.bytes = std::move(bytes);
    plan.files[file].size += literal.bytes.size();
    plan.literals.push_back(literal);
  }

  void add_tensor(std::uint32_t file) {
    constexpr DType kFloats[] = {DType::f16, DType::bf16, DType::f32, DType::f64};
    constexpr DType kAny[] = {DType::u8,   DType::f8_e4m3, DType::f4,  DType::f6_e3m2,
                              DType::bf16, DType::i32,     DType::c64, DType::i64};
    OutputTensor tensor;
    const bool computes = number(0, 1) == 0;
    tensor.dtype = computes ? kFloats[number(0, 3)] : kAny[number(0, 7)];
    group_ = bits(tensor.dtype) == 4 ? 2 : bits(tensor.dtype) == 6 ? 4 : 1;
    Shape shape(static_cast<std::size_t>(number(0, 5)));
    for (auto& extent : shape) extent = number(0, 30) == 0 ? 0 : number(1, 6);
    if (shape.empty() && group_ > 1) shape = {1};
    if (group_ > 1) shape.back() *= group_;
    tensor.name = "tensor" + std::to_string(plan.tensors.size());
    tensor.file = file;
    tensor.offset = plan.files[file].size;
    tensor.bytes = static_cast<std::uint64_t>(*byte_count(shape, tensor.dtype));
    tensor.padded = number(0, 3) == 0;
    divide(tensor, shape, whole(shape), Shape(shape.size(), 1), 3, computes ? kFloats : nullptr);
    std::stable_sort(tensor.copies.begin(), tensor.copies.end(),
                     [](const Copy& a, const Copy& b) { return a.target_offset < b.target_offset; });
    plan.files[file].size += tensor.bytes;
    plan.tensors.push_back(std::move(tensor));
  }

  // Cuts the elements {offset + i * step} in two along an axis, by halves or by turns, or makes one copy of them.
  void divide(OutputTensor& tensor, const Shape& shape, const Box& part, const Shape& step, int depth,
              const DType* floats) {
    const auto axes = static_cast<std::int64_t>(shape.size());
    if (depth > 0 && axes > 0 && number(0, 2) != 0) {
      const auto axis = static_cast<std::size_t>(number(0, axes - 1));
      const bool grouped = group_ > 1 && axis + 1 == shape.size();
      if (part.sizes[axis] >= 2 && !grouped) {
        auto first = part, second = part;
        auto stepped = step;
        if (number(0, 1) == 0) {
          first.sizes[axis] = number(1, part.sizes[axis] - 1);
          second.sizes[axis] -= first.sizes[axis];
          second.offsets[axis] += first.sizes[axis] * step[axis];
        } else {
          first.sizes[axis] = (part.sizes[axis] + 1) / 2;
          second.sizes[axis] /= 2;
          second.offsets[axis] += step[axis];
          stepped[axis] *= 2;
        }
        divide(tensor, shape, first, stepped, depth - 1, floats);
        divide(tensor, shape, second, stepped, depth - 1, floats);
        return;
      }
    }
    if (tensor.padded && number(0, 1) == 0) return;
    tensor.copies.push_back(copy_of(tensor, shape, part, step, floats));
  }

  Copy copy_of(const OutputTensor& tensor, const Shape& shape, const Box& part, const Shape& step,
               const DType* floats) {
    Copy copy;
    copy.source_file = static_cast<std::uint32_t>(number(0, static_cast<std::int64_t>(sources.size()) - 1));
    copy.source_dtype = floats != nullptr ? floats[number(0, 3)] : tensor.dtype;
    if (floats != nullptr) copy.operation = number(0, 1) == 0 ? ElementOperation::cast : ElementOperation::add_constant;
    copy.constant = copy.operation == ElementOperation::add_constant ? static_cast<double>(number(-8, 8)) / 4 : 0;
    // The source is laid out in any order of the axes, with gaps, backwards, or with one index for all.
    const auto strides = row_major_strides(shape);
    std::vector<std::size_t> order(shape.size());
    std::iota(order.begin(), order.end(), 0);
    const auto last = shape.size() - (group_ > 1 ? 1 : 0);
    std::shuffle(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(last), random_);
    if (number(0, 2) == 0) std::sort(order.begin(), order.end());
    Shape source(shape.size());
    std::int64_t dense = 1, lowest = 0, highest = 0, target = 0;
    for (auto k = order.size(); k-- > 0;) {
      const auto axis = order[k];
      const bool grouped = group_ > 1 && axis + 1 == shape.size();
      const auto kind = grouped ? 9 : number(0, 9);
      source[axis] = kind == 0 ? 0 : kind < 3 ? -dense : dense;
      const auto reach = source[axis] * std::max(part.sizes[axis] - 1, std::int64_t{0});
      (reach < 0 ? lowest : highest) += reach;
      if (kind != 0) dense *= std::max(part.sizes[axis], std::int64_t{1});
      if (number(0, 2) == 0) dense += group_ * number(0, 9);
    }
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      Loop loop{part.sizes[axis], source[axis], strides[axis] * step[axis]};
      target += part.offsets[axis] * strides[axis];
      const bool grouped = group_ > 1 && axis + 1 == shape.size();
      if (!grouped && number(0, 5) == 0 && loop.extent > 0) {  // written from its far end
        target += loop.target_stride * (loop.extent - 1);
        loop.target_stride = -loop.target_stride;
      }
      copy.loops.push_back(loop);
    }
    const auto source_bits = bits(copy.source_dtype);
    auto& bytes = sources[copy.source_file];
    const auto gap = number(0, 20);
    copy.source_offset =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(bytes.size()) + gap - lowest * source_bits / 8);
    copy.target_offset = static_cast<std::uint64_t>(target * bits(tensor.dtype) / 8);
    for (auto more = gap; more > 0; --more) bytes += 'g';
    for (auto elements = highest - lowest + group_; elements > 0; elements -= group_)
      append_elements(bytes, copy.source_dtype, floats != nullptr);
    return copy;
  }

  // One element, or the smallest number of them that fills bytes. Never a NaN where it would be computed with: which
  // NaN results is for element_test.cpp.
  void append_elements(std::string& bytes, DType dtype, bool computed) {
    const auto width = static_cast<int>(group_ * bits(dtype) / 8);
    std::string element;
    for (int i = 0; i < width; ++i) element += static_cast<char>(number(0, 255));
    if (computed && number(0, 1) == 0) {  // a moderate value: a sign, a small exponent, any fraction
      element.back() = static_cast<char>((static_cast<unsigned char>(element.back()) & 0x80) | 0x3f);
    }
    if (computed && (static_cast<unsigned char>(element.back()) & 0x7c) == 0x7c) element.back() = '\x41';
    bytes += element;
  }

  std::mt19937 random_;
  std::int64_t group_{1};
};

}  // namespace weighbridge
