#pragma once
// Running a family's model: the host's side of weighbridge/forward_abi.h.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "families/registry.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// What models are run on: tokens of several sequences of one length.
struct Tokens {
  std::int64_t sequences{}, length{};
  std::vector<std::int64_t> ids;  // [sequences, length]
};

// A side of a check, as the family that is run sees it. Names and numbers come from a plugin: nothing is taken for granted.
class ForwardRun {
 public:
  virtual ~ForwardRun() = default;
  virtual const Tokens& tokens() const = 0;
  virtual const StoredTensor* tensor(std::string_view name) const = 0;  // null if there is none
  virtual Status rows(std::string_view name, std::int64_t first, std::int64_t count, float* into) = 0;

  struct Product {
    std::string_view weight;
    std::int64_t first{}, rows{};
    bool turned{};
    std::int64_t tokens{};
    const float* x{};
    float* y{};
  };
  virtual Status multiply(const Product& product) = 0;
  // [tokens, columns]
  virtual Status state(std::int64_t layer, std::int64_t columns, const float* values) = 0;
  virtual Status logits(std::int64_t columns, const float* values) = 0;
};

enum class Side : std::uint8_t { hugging_face = 1, megatron };
std::string_view to_string(Side side);  // "Hugging Face", "Megatron"

// Whether the family says what its model computes.
bool can_run(const Family& family);
// Computes one side. Both documents may be read. Errors: what `run` gave, else as of the other questions to a family
// (families/call.hpp); a family that cannot run is Error::Kind::unsupported.
Status run_model(const Family& family, Side side, const ConfigDocument& hugging_face, const ConfigDocument& megatron, ForwardRun& run,
                 std::vector<std::string>& notes);

}  // namespace weighbridge
