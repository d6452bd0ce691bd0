#pragma once
// That a source and the equations speak of the same tensors.

#include <optional>
#include <string>
#include <vector>

#include "conversion/conversion.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// That the equations of a family use every tensor (prove in mapping/equation.hpp); the error names the plugin's library.
Status prove_family(const EquationSet& set, const Family& family);

// Copies up to this size are always compared: it takes no time.
inline constexpr std::uint64_t kSmallCopy = 64 << 20, kAllCopies = ~std::uint64_t{0};

// Every tensor of the equations must be in `source` with its shape, and every tensor of `source` must be used or
// declared. Adds what is tied, dropped and, unless `strict`, unused to the conversion. All names at fault are in one
// error. `folder` is for messages.
Status check_use(const EquationSet& set, const Catalogue& source, const std::string& folder, bool strict, Conversion& conversion, std::uint64_t largest = kAllCopies);

// Looks at what is said to be a copy: in `source` it is tied if it is one, else carried. What is not there stays as it is.
// Tensors of more than `largest` bytes are taken for what they are said to be.
Status settle_copies(EquationSet& set, const Catalogue& source, std::uint64_t largest = kAllCopies);

// The tensors of `source` that a declaration of kind carried speaks of, in order of their names.
std::vector<std::string> meant_by(const Declaration& carried, const Algebra& algebra, const Catalogue& source);

// That two stored tensors hold the same bits, read in small pieces. Reads both whole.
Result<bool> same_bits(const Catalogue& source, const StoredTensor& one, const StoredTensor& other);

// The first element of a tensor that no equation uses and that is not zero, for one that is said to have none. Reads it whole; an
// error if it is larger than kSmallCopy.
Result<std::optional<std::int64_t>> nonzero_beyond_use(const EquationSet& set, const Catalogue& source, const std::string& name);

// "a, b, c and 17 more"
std::string some_of(const std::vector<std::string>& names);

}  // namespace weighbridge
