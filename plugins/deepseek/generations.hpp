#pragma once
// DeepSeek's generations, and what is done for each: the configuration both ways, the equations, the forward check.

#include <weighbridge/config.hpp>
#include <weighbridge/forward.hpp>
#include <weighbridge/model.hpp>
#include <weighbridge/sparse_attention.hpp>

#include <cstdint>
#include <string>

namespace deepseek {

using namespace weighbridge;

// V3.2 is V3 whose attention sees the tokens that an indexer selects.
enum class Generation : std::uint8_t { v2 = 1, v3, v32 };

// What the config classes of a generation take for granted.
struct Defaults {
  std::int64_t first_dense{}, experts{}, width{}, shared{}, chosen{}, context{};
  double scale{};
};
inline constexpr Defaults kV2{0, 64, 1407, 2, 0, 2048, 1.0}, kV3{3, 256, 2048, 1, 8, 4096, 2.5}, kV32{3, 256, 2048, 1, 8, 163840, 2.5};
constexpr const Defaults& of(Generation generation) {
  return generation == Generation::v2 ? kV2 : generation == Generation::v3 ? kV3 : kV32;
}

inline std::int64_t expert_width(const Config& c, Generation generation) { return c.integer("moe_intermediate_size", of(generation).width); }
inline std::int64_t shared_width(const Config& c, Generation generation) {
  return c.is_null("n_shared_experts") ? 0 : c.integer("n_shared_experts", of(generation).shared) * expert_width(c, generation);
}
inline mla::Indexer indexer_of(const Config& c) { return {c.integer("index_n_heads", 64), c.integer("index_head_dim", 128)}; }

void config_to_megatron(const Config& hf, const Config& megatron, const Notes& notes, Generation generation);
void config_to_hugging_face(const Config& megatron, const Config& hf, Generation generation);
bool is_of(const Config& megatron, Generation generation);
void model_equations(const Config& c, const Model& model, Generation generation);
void forward_model(const Config& c, const Forward& run, Generation generation);
void forward_megatron_model(const Config& megatron, const Forward& run, Generation generation);

}  // namespace deepseek
