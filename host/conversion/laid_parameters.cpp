#include "conversion/laid_parameters.hpp"

#include <fmt/format.h>

#include "checkpoints/megatron_arguments.hpp"
#include "checkpoints/rank_files_layout.hpp"
#include "checkpoints/torch_dist_layout.hpp"
#include "conversion/parallel_check.hpp"
#include "mapping/copies.hpp"

namespace weighbridge {

LiveParameter live_parameter(const Equation& equation, DType dtype, std::optional<std::int64_t> rows) {
  LiveParameter parameter{equation.stack, equation.layer, equation.layers, equation.name, dtype, equation.expression.shape,
                          equation.expression.padded, static_cast<ExtraState>(equation.extra_state), equation.expert, equation.experts};
  parameter.vocabulary = equation.vocabulary;
  parameter.live_layer = equation.live_layer;
  parameter.live_rest = equation.live_rest;
  if (equation.vocabulary && rows) {
    parameter.padded |= *rows != parameter.shape[0];
    parameter.shape[0] = *rows;
  }
  parameter.cut = cut_of(equation, rows);
  return parameter;
}

LiveModule live_module(const ModuleState& module) {
  return {module.stack, module.layer, module.layers, module.name, static_cast<ExtraState>(module.extra_state), 0, 0};
}

Result<MegatronLayout> lay_out_megatron(const MegatronTarget& target, MegatronLayoutRequest& request, std::vector<std::string>& notes) {
  request.layout = target.layout;
  request.flavor = target.flavor.value_or(target.storage == MegatronStorage::torch ? MegatronFlavor::megatron_lm : MegatronFlavor::bridge);
  request.spec = target.spec;
  request.iteration = target.iteration;
  if (auto status = check_cuts(request); !status) return status.error();
  if (const auto activation = activation_without_argument(request.document); activation && request.flavor == MegatronFlavor::megatron_lm)
    notes.push_back(fmt::format("Megatron-LM has no argument for the activation {}: the code of the training run must choose it", *activation));
  return target.storage == MegatronStorage::torch ? lay_out_rank_files(request) : lay_out_torch_dist(request);
}

Status fill_parameters(const MegatronLayout& layout, const std::vector<LiveParameter>& parameters,
                       const std::function<std::vector<Origin>(std::size_t)>& origins, const std::filesystem::path& source,
                       std::vector<OutputTensor>& tensors) {
  for (const auto& laid : layout.boxes) {
    const auto& shape = parameters[laid.parameter].shape;
    auto& output = tensors[laid.tensor];
    const bool all = laid.box == whole(shape) && laid.base == 0 && laid.strides == row_major_strides(shape);
    for (const auto& origin : origins(laid.parameter)) {
      if (all) {
        if (auto status = named_in(source, append_copies(*origin.map, origin.tensor, output.dtype, origin.addend, output.copies)); !status) return status;
        continue;
      }
      const auto maps = place_target(*origin.map, shape, laid.box, laid.strides, laid.base);
      if (!maps)
        return Error{Error::Kind::unsupported, source.string(), output.name, "its share falls into too many strided pieces", "Convert with a smaller --tp"};
      for (const auto& map : *maps)
        if (auto status = named_in(source, append_copies(map, origin.tensor, output.dtype, origin.addend, output.copies)); !status) return status;
    }
  }
  for (auto& output : tensors) order_copies(output.copies);
  return done();
}

Status fill_constants(const MegatronLayout& layout, const EquationSet& set, const std::filesystem::path& source, std::vector<OutputTensor>& tensors) {
  for (const auto& laid : layout.boxes) {
    const auto constant = set.equations[laid.parameter].expression.constant;
    if (!constant) continue;
    auto& output = tensors[laid.tensor];
    const auto filler = exact_bits(*constant, output.dtype);
    if (!filler)
      return Error{Error::Kind::unsupported, source.string(), output.name, fmt::format("{} is no value of {}", *constant, to_string(output.dtype)), "Give another --torch-dtype"};
    output.filler = *filler;
  }
  return done();
}

Status named_in(const std::filesystem::path& file, Status status) {
  if (status || !status.error().file.empty()) return status;
  auto error = status.error();
  error.file = file.string();
  return error;
}

}  // namespace weighbridge
