#pragma once
// Expressions over Hugging Face tensors, and what they mean: for every operator of weighbridge/abi.h, the shape of its
// result and the strided maps that tie its elements to the tensors'.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mapping/codec.hpp"
#include "mapping/strided_map.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// What a decoded tensor is made of.
struct Decoding {
  BlockScaled form;
  std::uint32_t data{};                 // leaf of the values
  std::optional<std::uint32_t> scales;  // leaf of the scales; without one every scale is 1
};

// A Hugging Face tensor as an equation names it; or the values decoded from one or two, which is no tensor on disk and
// goes by the name of the first.
struct Leaf {
  std::string name;
  Shape shape;
  std::shared_ptr<const Decoding> decoding{};  // of few, and large models have many leaves
  bool storage{};  // used whole by a decoded leaf and by nothing else
};

// Elements of a result that come from one leaf: map.source indexes the leaf, map.target the result.
struct Piece {
  std::uint32_t leaf{};
  StridedMap map;
  double addend{};              // added on the way to Megatron, taken away on the way back
  std::optional<DType> dtype{};  // cast to on the way to Megatron
  bool echo{};                   // a further copy: nothing comes back from it
};

// The operands of a concatenation: their extents along its axis.
struct Parts {
  std::size_t axis{};
  Shape extents;
};

struct Expression {
  Shape shape;
  std::vector<Piece> pieces;
  bool padded{};  // some elements come from no leaf and are zero
  std::optional<double> constant{};  // all elements come from no leaf and are this
  std::optional<Parts> parts{};      // of an expression that is a concatenation
};

// Makes expressions and remembers the leaves that they name. Every function checks its operands; errors are of kind
// mismatch and say what the operator needs.
class Algebra {
 public:
  Algebra() = default;
  Algebra(const Algebra& other);
  Algebra(Algebra&&) = default;
  Algebra& operator=(Algebra other) noexcept;
  ~Algebra() = default;

  Result<Expression> tensor(std::string_view name, Shape shape);  // one shape for one name
  Result<Expression> concat(std::int64_t axis, const std::vector<const Expression*>& operands) const;
  Result<Expression> interleave(std::int64_t axis, std::int64_t groups,
                                const std::vector<const Expression*>& operands) const;
  Result<Expression> slice(const Expression& operand, std::int64_t axis, std::int64_t begin, std::int64_t end) const;
  Result<Expression> stack(std::int64_t axis, const std::vector<const Expression*>& operands) const;
  Result<Expression> transpose(const Expression& operand, const Shape& permutation) const;
  Result<Expression> reshape(Expression operand, Shape shape) const;
  Result<Expression> pad(const Expression& operand, std::int64_t axis, std::int64_t extent) const;
  Result<Expression> cast(Expression operand, DType dtype) const;
  Result<Expression> add(Expression operand, double constant) const;
  Result<Expression> echo(Expression operand) const;
  Result<Expression> fill(double number, Shape shape) const;
  // `scales` may be null. Operands must be tensors as tensor() gives them, which no other expression uses.
  Result<Expression> decode(const BlockScaled& form, const Expression& data, const Expression* scales);

  const std::deque<Leaf>& leaves() const { return leaves_; }
  std::optional<std::uint32_t> find(std::string_view name) const;  // a tensor on disk

 private:
  Result<std::uint32_t> storage_leaf(const Expression& operand, std::string_view what) const;

  std::deque<Leaf> leaves_;                            // which stay where they are
  std::map<std::string_view, std::uint32_t> by_name_;  // the names are those of leaves
};

}  // namespace weighbridge
