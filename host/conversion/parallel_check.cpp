#include "conversion/parallel_check.hpp"

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"
#include "mapping/live_name.hpp"

namespace weighbridge {
namespace {

Status divides(const char* option, std::int64_t size, const char* what, std::int64_t number) {
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

Status check_cuts(const MegatronLayoutRequest& request) {
  const auto& layout = request.layout;
  for (const auto& parameter : request.parameters) {
    const bool expert = parameter.experts > 0;
    const auto ranks = expert ? layout.expert_tensor_size() : layout.tensor;
    if (!parameter.cut || divides(*parameter.cut, ranks)) continue;
    for (const auto extent : parameter.cut->parts)
      if (auto status = divides(expert ? "--etp" : "--tp", ranks,
                                fmt::format("a part of {}", live_name(parameter.prefix, parameter.layer, parameter.rest, parameter.expert, parameter.experts)).c_str(), extent);
          !status)
        return status;
  }
  return done();
}

std::int64_t padded_rows(std::int64_t rows, std::int64_t divisor, std::int64_t tensor) {
  const auto multiple = divisor * tensor;
  return (rows + multiple - 1) / multiple * multiple;
}

}  // namespace weighbridge
