#pragma once
// Logits that somebody else has computed: a safetensors file with `input_ids` [sequences, length], I64 or I32, and `logits`
// [sequences, length, vocabulary].

#include <cstdint>
#include <filesystem>
#include <vector>

#include "families/forward_call.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct ExpectedLogits {
  Tokens tokens;
  std::int64_t columns{};
  std::vector<float> values;  // [tokens, columns]
};

// Errors name the file and the tensor: io and format of the file, mismatch where the two do not fit each other. `memory` as
// of TensorRows.
Result<ExpectedLogits> read_expected_logits(const std::filesystem::path& file, std::uint64_t memory);

}  // namespace weighbridge
