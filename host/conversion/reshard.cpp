// Megatron -> Megatron, up to the plan.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "checkpoints/hybrid_names.hpp"
#include "checkpoints/megatron_document.hpp"
#include "checkpoints/model_placement.hpp"
#include "conversion/conversion.hpp"
#include "conversion/laid_parameters.hpp"
#include "conversion/megatron_model.hpp"
#include "conversion/parallel_check.hpp"
#include "conversion/totals.hpp"
#include "families/call.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {
namespace {

// A run_config.yaml says everything of the model. Arguments do not, and other programs write fewer of them: what they leave
// open the family says.
Result<boost::json::object> document_for(const MegatronModel& model, Conversion& conversion) {
  const auto& stated = model.checkpoint.document;
  if (model.checkpoint.flavor == MegatronFlavor::bridge && model.hybrid_pattern.empty()) return stated;
  auto made = to_megatron(model.reference.chosen.family, model.reference.config, conversion.notes);
  if (!made) return made.error();
  auto document = made->root();
  for (const auto& [name, value] : stated)
    if (std::ranges::find(model.checkpoint.assumed, std::string_view{name}) == model.checkpoint.assumed.end()) document[name] = value;
  return document;
}

// Rows of the vocabulary on the target: as many as are stored unless they do not divide or the user wants others.
std::int64_t target_rows(const Equation& equation, const StoredTensor& stored, const boost::json::object& document, const ReshardOptions& options) {
  const auto tensor = options.target.layout.tensor;
  if (!options.make_vocab_size_divisible_by && stored.shape[0] % tensor == 0) return stored.shape[0];
  const auto divisor = options.make_vocab_size_divisible_by.value_or(integer_field(document, "make_vocab_size_divisible_by").value_or(1));
  const auto true_rows = std::min(equation.expression.shape[0], integer_field(document, "vocab_size").value_or(equation.expression.shape[0]));
  return padded_rows(true_rows, divisor, tensor);
}

// Names and document of the wanted class of model.
Status name_for(std::optional<ModelClass> wanted, const MegatronModel& model, boost::json::object& document, MegatronLayoutRequest& request) {
  const auto own = string_field(document, "hybrid_layer_pattern").value_or("");
  if (!own.empty()) {
    if (wanted != ModelClass::gpt) return done();
    return Error{Error::Kind::unsupported, model.checkpoint.location.folder.string(), "--model-class gpt", "is not possible: this family is a hybrid model", "Leave it out"};
  }
  if (wanted.value_or(model.hybrid_pattern.empty() ? ModelClass::gpt : ModelClass::hybrid) == ModelClass::gpt) return done();
  auto hybrid = hybrid_document(document, request.parameters);
  if (!hybrid) return hybrid.error();
  document = *std::move(hybrid);
  const auto pattern = string_field(document, "hybrid_layer_pattern").value_or("");
  if (auto status = name_as_hybrid(pattern, backbone_of(request.parameters), request.modules); !status) return status;
  return name_as_hybrid(pattern, request.parameters);
}

// Tokenizer and what an import kept of its source, which lie beside the weights.
Status carry_files(const MegatronCheckpoint& checkpoint, const MegatronLayout& layout, const MegatronTarget& target, Conversion& conversion) {
  const auto kept = kept_folder(target.iteration);
  const std::pair<std::filesystem::path, std::filesystem::path> folders[] = {
      {checkpoint.location.folder / "tokenizer", layout.tokenizer.empty() ? kept : layout.tokenizer}, {checkpoint.location.folder / kKeptFolder, kept}};
  for (const auto& [from, to] : folders) {
    if (!tree::exists(from)) continue;
    auto files = tree::files_below(from);
    if (!files) return std::move(files).error();
    for (const auto& file : *files) {
      conversion.plan.carried.push_back({file, to / file.lexically_relative(from)});
      conversion.carried.push_back({conversion.plan.carried.back().path.string(), "side file of the checkpoint", kSideFileRule});
    }
  }
  return done();
}

}  // namespace

Result<Conversion> prepare_reshard(const ReshardOptions& options, Registry& registry) {
  Conversion conversion;
  ExportOptions source;
  source.megatron = options.megatron;
  source.reference = options.reference;
  source.architecture = options.architecture;
  source.strict = options.strict;
  auto model = open_megatron_model(source, registry, conversion);
  if (!model) return model.error();
  const auto& checkpoint = model->checkpoint;
  const auto folder = checkpoint.location.folder.string();
  if (checkpoint.other.of_training() && !options.drop_training_state)
    return Error{Error::Kind::usage, folder, "training state",
                 fmt::format("would be left out: {} optimizer tensors, {} optimizer objects, {} random states and {} rerun states; only weights are moved",
                             checkpoint.other.optimizer_tensors, checkpoint.other.optimizer_objects, checkpoint.other.random_states, checkpoint.other.rerun_states),
                 "Say --drop-training-state if weights are all that you need"};
  auto target = options.target;
  if (!target.flavor && target.storage == MegatronStorage::torch_dist) target.flavor = checkpoint.flavor;
  target.iteration = options.iteration.value_or(checkpoint.iteration.value_or(checkpoint.location.iteration.value_or(0)));
  if (target.iteration < 0 || target.iteration > 9'999'999) return Error{Error::Kind::format, folder, "iteration", "is out of range", "Give --iteration"};
  auto document = document_for(*model, conversion);
  if (!document) return document.error();
  if (auto status = state_target(options.dtype, options.make_vocab_size_divisible_by, target.layout, *document); !status) return status.error();

  conversion.padded.clear();  // what an export would cut off
  MegatronLayoutRequest request;
  const auto& equations = model->set.equations;
  for (std::size_t i = 0; i < equations.size(); ++i) {
    const auto& equation = equations[i];
    const auto& stored = model->parameters[i];
    const bool absent = stored.extents.empty();
    const auto dtype = options.dtype && !equation.keep_dtype ? *options.dtype
                       : absent ? dtype_from_torch(string_field(*document, "params_dtype").value_or("")).value_or(DType::f32) : stored.dtype;
    std::optional<std::int64_t> rows;
    if (equation.vocabulary) {
      rows = target_rows(equation, stored, *document, options);
      if (*rows != stored.shape[0])
        conversion.padded.push_back({equation.live_name(), fmt::format("{} rows instead of {}", *rows, stored.shape[0]), kVocabularyRule});
      if (*rows != equation.expression.shape[0]) (*document)["should_pad_vocab"] = true;
    }
    request.parameters.push_back(live_parameter(equation, dtype, rows));
    if (!absent && stored.dtype == dtype) request.parameters.back().page_offset = stored.extents.front().offset % kPage;
    request.parameters.back().padded = absent || (rows && *rows > stored.shape[0]);
    if (absent) conversion.synthesised.push_back({equation.live_name(), fmt::format("{} everywhere", equation.expression.constant.value_or(0)), kConstantRule});
  }
  for (const auto& module : model->set.modules) request.modules.push_back(live_module(module));
  if (const auto status = named_in(folder, name_for(target.model_class, *model, *document, request)); !status) return status.error();
  request.document = *document;
  auto layout = lay_out_megatron(target, request, conversion.notes);
  if (!layout) return layout.error();

  auto& plan = conversion.plan;
  plan.sources = checkpoint.catalogue.files;
  plan.files = std::move(layout->files);
  plan.tensors = std::move(layout->tensors);
  plan.literals = std::move(layout->literals);
  std::vector<StridedMap> maps;
  for (std::size_t i = 0; i < equations.size(); ++i) {
    const auto count = element_count(request.parameters[i].shape).value_or(0);
    maps.push_back(identity_map(model->parameters[i].extents.empty() ? 0 : std::min(count, element_count(model->parameters[i].shape).value_or(0))));
  }
  const auto origins = [&](std::size_t number) {
    return model->parameters[number].extents.empty() ? std::vector<Origin>{} : std::vector<Origin>{{&maps[number], model->parameters[number], 0}};
  };
  if (auto status = fill_parameters(*layout, request.parameters, origins, folder, plan.tensors); !status) return status.error();
  if (auto status = fill_constants(*layout, model->set, folder, plan.tensors); !status) return status.error();
  if (auto status = carry_files(checkpoint, *layout, target, conversion); !status) return status.error();
  conversion.mapped = static_cast<std::int64_t>(equations.size());
  conversion.training_flags = layout->flags;
  conversion.megatron = *std::move(document);
  conversion.hugging_face = model->reference.config.root();
  count_bytes(conversion);
  return conversion;
}

}  // namespace weighbridge
