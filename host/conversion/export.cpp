// Megatron -> Hugging Face, up to the plan.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "checkpoints/megatron_document.hpp"
#include "conversion/conversion.hpp"
#include "conversion/exported_tensors.hpp"
#include "conversion/megatron_model.hpp"
#include "conversion/quantised_anew.hpp"
#include "conversion/totals.hpp"

namespace weighbridge {
namespace {

// torch_dtype (or dtype) of the config made true for what is written.
Status state_dtype(ConfigDocument& config, DType dtype) {
  const auto& known = std::as_const(config);
  const auto* key = known.find("torch_dtype") == nullptr && known.find("dtype") != nullptr ? "dtype" : "torch_dtype";
  if (config.string(key) == torch_name(dtype)) return done();
  return config.set(key, boost::json::value(torch_name(dtype)));
}

}  // namespace

Result<Conversion> prepare_export(const ExportOptions& options, Registry& registry) {
  Conversion conversion;
  auto model = open_megatron_model(options, registry, conversion);
  if (!model) return model.error();
  auto& [checkpoint, hybrid_pattern, reference, known, set, parameters] = *model;

  const auto exported = exported_tensors(set, parameters, known, options, conversion);
  if (options.quantize != Quantize::none && std::ranges::none_of(exported, [](const auto& tensor) { return tensor.encoding.has_value(); }))
    return Error{Error::Kind::usage, checkpoint.location.folder.string(), "--quantize", "no tensor of this model is stored in that way",
                 "fp8 is for matrices of linear layers; mxfp4 and int4 are for experts whose rows are whole groups of 32"};
  HuggingFaceLayoutRequest request{.tensors = {}, .reference = {}, .max_shard_size = options.max_shard_size, .texts = {}};
  for (const auto& tensor : exported) request.tensors.push_back(tensor.laid);
  if (reference.repository) request.reference = reference_shards(*reference.repository);
  else if (reference.index) request.reference = reference.index->shards;
  if (const auto dtype = options.dtype ? options.dtype : dtype_from_torch(string_field(conversion.megatron, "params_dtype").value_or(""));
      dtype && (options.dtype || !reference.has_weights))
    if (auto status = state_dtype(reference.config, *dtype); !status) return status.error();
  if (options.quantize != Quantize::none && options.quantize != Quantize::reference)
    if (auto status = state_quantisation(options.quantize, reference.config); !status) return status.error();
  request.texts.push_back({"config.json", reference.config.text({.sort_keys = reference.standard_style})});
  conversion.hugging_face = reference.config.root();

  auto layout = lay_out_hugging_face(request);
  if (!layout) return layout.error();
  auto& plan = conversion.plan;
  plan.files = std::move(layout->files);
  plan.tensors = std::move(layout->tensors);
  plan.literals = std::move(layout->literals);
  if (auto status = fill_exported(exported, set, parameters, checkpoint.catalogue, known, conversion); !status) return status.error();
  for (const auto& file : reference.side_files) {
    plan.carried.push_back(file);
    conversion.carried.push_back({file.path.string(), "side file", kSideFileRule});
  }
  conversion.mapped = std::ranges::count_if(exported, [](const auto& tensor) { return tensor.leaf.has_value(); });
  count_bytes(conversion);
  return conversion;
}

}  // namespace weighbridge
