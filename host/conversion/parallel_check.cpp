#include "conversion/parallel_check.hpp"

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"
#include "checkpoints/placement.hpp"
#include "mapping/live_name.hpp"

namespace weighbridge {
namespace {

Status divides(const char* option, std::int64_t size, std::string_view what, std::int64_t number) {
  if (size >= 1 && number % size == 0) return done();
  std::string fitting;
  for (std::int64_t candidate = 1; candidate <= std::min<std::int64_t>(number, 64); ++candidate)
    if (number % candidate == 0) fitting += (fitting.empty() ? "" : ", ") + std::to_string(candidate);
  return Error{Error::Kind::usage, "", option, fmt::format("{} does not divide {}, which is {}", size, what, number),
               fmt::format("Sizes that do: {}", fitting)};
}

}  // namespace

Status check_layout(const ParallelLayout& layout, const boost::json::object& megatron) {
  if (auto status = check_sizes(layout); !status) return status;
  const auto heads = integer_field(megatron, "num_attention_heads").value_or(0);
  const auto groups = integer_field(megatron, "num_query_groups").value_or(heads);
  if (auto status = divides("--tp", layout.tensor, "num_attention_heads", heads); !status) return status;
  if (groups > 0 && groups % layout.tensor != 0 && layout.tensor % groups != 0)
    return divides("--tp", layout.tensor, "num_query_groups", groups);
  if (auto status = divides("--tp", layout.tensor, "ffn_hidden_size", integer_field(megatron, "ffn_hidden_size").value_or(0)); !status) return status;
  if (const auto experts = integer_field(megatron, "num_moe_experts")) return divides("--ep", layout.expert, "num_moe_experts", *experts);
  return divides("--ep", layout.expert, "the number of experts of a dense model", 1);
}

Status state_target(std::optional<DType> dtype, std::optional<std::int64_t> vocabulary_divisor, ParallelLayout& layout, boost::json::object& megatron) {
  if (dtype) {
    megatron["params_dtype"] = torch_name(*dtype);
    megatron["bf16"] = *dtype == DType::bf16;
    megatron["fp16"] = *dtype == DType::f16;
  }
  if (auto status = check_layout(layout, megatron); !status) return status;
  if (vocabulary_divisor) {
    if (*vocabulary_divisor < 1 || *vocabulary_divisor > (1 << 24))
      return Error{Error::Kind::usage, "", "--make-vocab-size-divisible-by", "is no divisor", "Give a whole number from 1 on"};
    megatron["make_vocab_size_divisible_by"] = *vocabulary_divisor;
  }
  state_layout(layout, megatron);  // bars of another layout are gone from a hybrid pattern now
  auto settled = settled_layout(layout, megatron);
  if (!settled) return settled.error();
  layout = *std::move(settled);
  state_layout(layout, megatron);
  return done();
}

Status check_cuts(const MegatronLayoutRequest& request) {
  const auto& layout = request.layout;
  for (const auto& parameter : request.parameters) {
    const bool expert = parameter.experts > 0;
    const auto ranks = layout.ranks_of(expert);
    const auto name = [&] { return live_name(parameter.prefix, parameter.layer, parameter.rest, parameter.expert, parameter.experts); };
    if (expert && parameter.experts % layout.expert != 0) return divides("--ep", layout.expert, fmt::format("the number of experts of {}", name()), parameter.experts);
    if (!parameter.cut || divides(*parameter.cut, ranks)) continue;
    for (const auto extent : parameter.cut->parts)
      if (auto status = divides(expert ? "--etp" : "--tp", ranks, fmt::format("a part of {}", name()), extent); !status) return status;
  }
  return done();
}

std::int64_t padded_rows(std::int64_t rows, std::int64_t divisor, std::int64_t tensor) {
  const auto multiple = divisor * tensor;
  return (rows + multiple - 1) / multiple * multiple;
}

}  // namespace weighbridge
