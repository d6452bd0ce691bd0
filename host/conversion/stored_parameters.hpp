#pragma once
// The parameters of equations as a Megatron checkpoint stores them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/megatron_checkpoint.hpp"
#include "conversion/conversion.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// In which way a checkpoint does not hold what an equation, or Megatron, says.
struct ParameterFault {
  enum class Kind : std::uint8_t {
    missing = 1,
    shape,     // `found` has another one than the equation
    joined,    // with another number of layers or experts than the configuration has
    constant,  // not the constant that it must be
    copy,      // differs from the other copy that ranks hold of it
  } kind{};
  std::optional<std::size_t> equation{};   // of the set; nothing for a copy
  std::optional<StoredTensor> found{};     // of shape
  Error error;                             // what it is to a conversion; of `missing`, its subject is the name alone
};

struct FoundParameters {
  std::vector<std::optional<StoredTensor>> parameters;  // by equation: nothing where a fault speaks of it, or where a constant is not stored
  std::vector<ParameterFault> faults;
  std::vector<Named> padded;         // vocabulary rows that are padding
  std::vector<std::string> unused;   // keys that no equation uses
};

// `hybrid_pattern`: of a GPT model that the checkpoint holds as a hybrid model; else empty. Errors: files that cannot be read,
// and rank files that cannot be put together.
Result<FoundParameters> find_parameters(const EquationSet& set, const MegatronCheckpoint& checkpoint, std::string_view hybrid_pattern);

// The same for a conversion: every fault is an error (those of copies only if `strict`), and no stored parameter may be left
// over. Adds vocabulary padding and, unless `strict`, what is left over to the conversion. All missing names are in one error.
Result<std::vector<StoredTensor>> stored_parameters(const EquationSet& set, const MegatronCheckpoint& checkpoint, std::string_view hybrid_pattern, bool strict,
                                                    Conversion& conversion);

}  // namespace weighbridge
