// Hugging Face -> Megatron, up to the plan.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "checkpoints/megatron_document.hpp"
#include "checkpoints/placement.hpp"
#include "conversion/carried_tensors.hpp"
#include "conversion/conversion.hpp"
#include "conversion/decoded_tensors.hpp"
#include "conversion/family_choice.hpp"
#include "conversion/laid_parameters.hpp"
#include "conversion/parallel_check.hpp"
#include "conversion/reference.hpp"
#include "conversion/source_use.hpp"
#include "conversion/totals.hpp"
#include "families/call.hpp"

namespace weighbridge {
namespace {

// The Megatron document with what the user asks for on top of what the family makes of the config.
Result<boost::json::object> settled_document(const ConfigDocument& made, const ImportOptions& options, ParallelLayout& layout) {
  auto document = made.root();
  if (!options.model_name.empty()) document["hf_model_id"] = options.model_name;
  if (auto status = state_target(options.dtype, options.make_vocab_size_divisible_by, layout, document); !status) return status.error();
  return document;
}

DType parameter_dtype(const Equation& equation, const LeafTensors& tensors, const ImportOptions& options, const boost::json::object& document) {
  const auto of_model = dtype_from_torch(string_field(document, "params_dtype").value_or(""));
  if (equation.expression.constant) return options.dtype.value_or(of_model.value_or(DType::f32));
  const auto& first = equation.expression.pieces.front();
  if (equation.keep_dtype) return first.dtype.value_or(tensors.dtype(first.leaf));
  if (options.dtype) return *options.dtype;
  if (first.dtype) return *first.dtype;
  return of_model.value_or(tensors.dtype(first.leaf));
}

// Of the first element, if it keeps its bits.
std::optional<std::uint64_t> page_offset_of(const Equation& equation, const LeafTensors& tensors, const Algebra& algebra, DType dtype) {
  if (equation.expression.pieces.empty()) return std::nullopt;
  const auto& first = equation.expression.pieces.front();
  if (algebra.leaves()[first.leaf].decoding || tensors.dtype(first.leaf) != dtype) return std::nullopt;
  const auto stored = tensors[first.leaf];
  if (stored.extents.empty()) return std::nullopt;
  const auto moved = static_cast<std::uint64_t>(first.map.source_base - first.map.target_base) * static_cast<std::uint64_t>(bits(dtype)) / 8;
  return (stored.extents.front().offset + moved) % kPage;
}

bool is_tokenizer_file(const std::filesystem::path& path) {
  static constexpr std::string_view kNames[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
      "vocab.json", "merges.txt", "tokenizer.model", "vocab.txt", "chat_template.jinja", "chat_template.json", "spiece.model"};
  return std::ranges::find(kNames, path.string()) != std::end(kNames);
}

// Tokenizer files go to where Megatron-Bridge looks for them, everything else of the source beside them.
void carry_side_files(const HuggingFaceRepository& repository, const std::filesystem::path& tokenizer_folder, std::int64_t iteration, Conversion& conversion) {
  const auto kept = kept_folder(iteration);
  conversion.plan.carried.push_back({repository.folder / "config.json", kept / "config.json"});
  for (const auto& file : repository.side_files) {
    const bool tokenizer = !tokenizer_folder.empty() && is_tokenizer_file(file.path);
    conversion.plan.carried.push_back({file.source, (tokenizer ? tokenizer_folder : kept) / file.path});
  }
  for (const auto& file : conversion.plan.carried) conversion.carried.push_back({file.path.string(), "side file of the source", kSideFileRule});
  for (const auto& left : repository.left_out) conversion.notes.push_back(fmt::format("{} is not carried over: {}", left.name, left.reason));
}

// What goes beside the parameters.
struct Beside {
  Carried carried;
  std::filesystem::path tokenizer_folder;  // empty where the layout has none
};

// The Megatron side up to what fills it: plan, report and document. What only the equations need is gone when it returns,
// which matters for a model of 100,000 tensors.
Result<Beside> lay_out_parameters(EquationSet set, const Catalogue& source, const ImportOptions& options, MegatronTarget& target,
                                  boost::json::object& document, Conversion& conversion) {
  const auto rows = integer_field(document, "vocab_size").value_or(0);
  const bool pad = options.make_vocab_size_divisible_by || rows % options.target.layout.tensor != 0;
  const auto divisor = integer_field(document, "make_vocab_size_divisible_by").value_or(1);
  if (pad) document["should_pad_vocab"] = true;

  auto& plan = conversion.plan;
  plan.sources = source.files;
  auto tensors = tensors_of_leaves(set.algebra, source, plan);
  if (!tensors) return tensors.error();

  MegatronLayoutRequest request;
  request.document = document;
  request.parameters.reserve(set.equations.size());
  for (const auto& equation : set.equations) {
    std::optional<std::int64_t> padded;
    if (equation.vocabulary && pad) padded = padded_rows(equation.expression.shape[0], divisor, options.target.layout.tensor);
    if (padded && *padded != equation.expression.shape[0])
      conversion.padded.push_back({equation.live_name(), fmt::format("{} rows of zeros after {}", *padded - equation.expression.shape[0], equation.expression.shape[0]), kVocabularyRule});
    request.parameters.push_back(live_parameter(equation, parameter_dtype(equation, *tensors, options, document), padded));
    auto& parameter = request.parameters.back();
    parameter.page_offset = page_offset_of(equation, *tensors, set.algebra, parameter.dtype);
  }
  for (const auto& module : set.modules) request.modules.push_back(live_module(module));
  auto layout = lay_out_megatron(target, request, conversion.notes);
  if (!layout) return layout.error();

  plan.files = std::move(layout->files);
  plan.tensors = std::move(layout->tensors);
  plan.literals = std::move(layout->literals);
  std::map<DType, std::int64_t> cast;  // tensors by the type that they get
  if (auto status = fill_constants(*layout, set, options.hugging_face, plan.tensors); !status) return status.error();
  for (std::size_t i = 0; i < set.equations.size(); ++i) {
    const auto& equation = set.equations[i];
    if (const auto constant = equation.expression.constant)
      conversion.synthesised.push_back({equation.live_name(), fmt::format("{} everywhere; Hugging Face has no such tensor", *constant), kConstantRule});
    for (const auto& piece : equation.expression.pieces) {
      const auto stored = tensors->dtype(piece.leaf), dtype = request.parameters[i].dtype;
      const bool decoded = set.algebra.leaves()[piece.leaf].decoding != nullptr;
      if (!decoded && stored != dtype && bits(stored) >= bits(dtype)) ++cast[dtype];
    }
  }
  const auto origins = [&](std::size_t number) {
    std::vector<Origin> found;
    for (const auto& piece : set.equations[number].expression.pieces) found.push_back({&piece.map, (*tensors)[piece.leaf], piece.addend});
    return found;
  };
  if (auto status = fill_parameters(*layout, request.parameters, origins, options.hugging_face, plan.tensors); !status) return status.error();
  if (!plan.decoded.empty())
    conversion.notes.push_back(fmt::format("{} tensors are decoded from block-scaled storage", plan.decoded.size()));
  const auto of_model = dtype_from_torch(string_field(document, "params_dtype").value_or(""));
  for (const auto& [dtype, tensors_cast] : cast)
    conversion.notes.push_back(
        dtype == of_model ? fmt::format("{} tensors change their type to that of the model ({}); values are rounded to nearest", tensors_cast,
                                        string_field(document, "params_dtype").value_or(""))
                          : fmt::format("{} tensor{} kept as {} in Megatron", tensors_cast, tensors_cast == 1 ? " is" : "s are", to_string(dtype)));
  conversion.mapped = static_cast<std::int64_t>(set.equations.size());
  conversion.training_flags = layout->flags;
  const auto with_zeros = set.leaves_with_zeros();
  for (const auto& leaf : set.algebra.leaves()) {
    if (leaf.storage) continue;  // what is decoded from it counts
    ++conversion.proven.input_tensors;
    conversion.proven.input_elements += element_count(leaf.shape).value_or(0);
  }
  for (const auto leaf : with_zeros) conversion.proven.input_elements -= element_count(set.algebra.leaves()[leaf].shape).value_or(0);
  for (const auto& equation : set.equations)
    for (const auto& piece : equation.expression.pieces)  // of these, what is used counts
      if (!piece.echo && with_zeros.contains(piece.leaf)) conversion.proven.input_elements += piece.map.count();
  request = {};  // what is carried can be as many tensors again
  set.equations.clear();
  set.equations.shrink_to_fit();
  return Beside{carried_by(set, source), layout->tokenizer};
}

}  // namespace

Result<Conversion> prepare_import(const ImportOptions& options, Registry& registry) {
  auto repository = HuggingFaceRepository::open(options.hugging_face, {.strict = options.strict});
  if (!repository) return repository.error();
  const auto index = source_index_text(*repository);
  repository->weight_map = std::vector<WeightLocation>{};  // equations take room, too
  repository->weight_files = std::vector<WeightFile>{};
  auto chosen = choose_family(repository->config, registry);
  if (!chosen) return chosen.error();

  Conversion conversion;
  conversion.family = family_id(chosen->family);
  conversion.family_version = chosen->family.manifest.version;
  conversion.architecture = chosen->architecture;
  conversion.notes = repository->notes;
  conversion.hugging_face = repository->config.root();
  auto made = to_megatron(chosen->family, repository->config, conversion.notes, &repository->catalogue);
  if (!made) return made.error();
  auto target = options.target;
  auto document = settled_document(*made, options, target.layout);
  if (!document) return document.error();

  auto set = state_equations(chosen->family, repository->config, &repository->catalogue, conversion.notes, &*made);
  if (!set) return set.error();
  const auto largest = options.compare_large_copies ? kAllCopies : kSmallCopy;
  if (auto status = settle_copies(*set, repository->catalogue, largest); !status) return status.error();
  // The proof takes time and memory by the shapes, so these are looked at first.
  if (auto status = check_use(*set, repository->catalogue, options.hugging_face.string(), options.strict, conversion, largest); !status)
    return status.error();
  if (auto status = prove_family(*set, chosen->family); !status) return status.error();
  auto beside = lay_out_parameters(*std::move(set), repository->catalogue, options, target, *document, conversion);
  if (!beside) return beside.error();
  if (auto status = carry_tensors(std::move(beside->carried), repository->catalogue, kept_folder(options.target.iteration), conversion); !status)
    return status.error();
  auto& plan = conversion.plan;
  plan.files.push_back({kept_folder(options.target.iteration) / kSourceIndex, index.size()});
  plan.literals.push_back({static_cast<std::uint32_t>(plan.files.size() - 1), 0, index, {}});
  carry_side_files(*repository, beside->tokenizer_folder, options.target.iteration, conversion);
  conversion.megatron = *std::move(document);
  count_bytes(conversion);
  return conversion;
}

}  // namespace weighbridge
