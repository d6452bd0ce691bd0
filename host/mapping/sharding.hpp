#pragma once
// Tensor parallelism: which boxes of a parameter one rank holds, and where they lie in the rank's own tensor.

#include <cstdint>
#include <optional>
#include <vector>

#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/shape.hpp"

namespace weighbridge {

// A parameter is cut along `axis`. It is made of parts there, one after the other (gate above up), and each rank holds
// its equal share of every part, one after the other. Mostly there is one part.
struct Cut {
  std::size_t axis{};
  Shape parts;  // extents along the axis; together the parameter's
};

// How the equation's parameter is cut; nothing for one that every rank holds whole. With `rows` given a vocabulary has
// so many, padding included.
std::optional<Cut> cut_of(const Equation& equation, std::optional<std::int64_t> rows = {});

// Whether every part divides among `ranks`.
bool divides(const Cut& cut, std::int64_t ranks);

// A box of the whole parameter and the coordinate along the axis at which it begins in the rank's tensor.
struct Share {
  Box box;
  std::int64_t begin{};
};

// What rank `rank` of `ranks` holds, part by part in the order of its tensor. Without a cut, everything. The cut must
// divide.
std::vector<Share> shares_of(const Shape& shape, const std::optional<Cut>& cut, std::int64_t rank, std::int64_t ranks);

// The shape of a rank's tensor.
Shape shape_of_share(const Shape& shape, const std::optional<Cut>& cut, std::int64_t ranks);

}  // namespace weighbridge
