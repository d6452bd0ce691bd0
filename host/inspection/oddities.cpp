#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "checkpoints/hugging_face_selection.hpp"
#include "checkpoints/megatron_document.hpp"
#include "inspection/views.hpp"

namespace weighbridge {
namespace {

class Oddities {
 public:
  Oddities(const Catalogue& catalogue, Inspection& inspection)
      : catalogue_{catalogue}, inspection_{inspection}, configuration_{inspection.configuration} {}

  void look() {
    types();
    if (inspection_.hugging_face) {
      tied();
      layers_of_names();
      code_of_its_own();
      rope();
    }
    vocabulary();
    if (inspection_.megatron) layers_of_stacks();
  }

 private:
  void add(std::string subject, std::string problem, std::string remedy = {}) {
    inspection_.findings.push_back(
        {Finding::Kind::oddity, {}, std::move(subject), std::move(problem), std::move(remedy)});
  }
  // Of the language model where the configuration has parts.
  template <class Read>
  auto field(Read&& read, std::string_view name) const -> decltype(read(std::string{})) {
    if (auto value = read(std::string{name})) return value;
    return read("text_config." + std::string{name});
  }
  std::optional<std::int64_t> integer(std::string_view name) const {
    return field([&](const std::string& path) { return configuration_.integer(path); }, name);
  }
  std::optional<std::string> string(std::string_view name) const {
    return field([&](const std::string& path) { return configuration_.string(path); }, name);
  }

  static bool is_real(DType dtype) {
    return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
  }

  // Scales of quantised weights are of a type of their own.
  static bool is_scale(std::string_view name) {
    return name.ends_with("_scale_inv") || name.ends_with("_scale") || name.ends_with("_scales");
  }

  void types() {
    std::vector<std::pair<DType, std::int64_t>> real;
    std::map<DType, std::int64_t> counted;
    for (const auto& tensor : inspection_.tensors)
      if (is_real(tensor.dtype) && !is_scale(tensor.name))
        counted[tensor.dtype] += element_count(tensor.shape).value_or(0);
    real.assign(counted.begin(), counted.end());
    if (real.empty()) return;
    std::ranges::sort(real, std::greater{}, [](const auto& entry) { return entry.second; });
    const auto most = real.front().first;
    if (real.size() > 1) {
      std::vector<std::string> others;
      for (const auto& tensor : inspection_.tensors)
        if (is_real(tensor.dtype) && !is_scale(tensor.name) && tensor.dtype != most) others.push_back(tensor.name);
      add("types",
          fmt::format("most weights are {}, but {} not: {}", to_string(most),
                      others.size() == 1 ? "one is" : fmt::format("{} are", others.size()), name_some(others)));
    }
    const auto stated = inspection_.hugging_face ? string("torch_dtype") : configuration_.string("params_dtype");
    const auto said = stated ? stated : string("dtype");
    if (const auto dtype = said ? dtype_from_torch(*said) : std::nullopt; dtype && *dtype != most && is_real(*dtype))
      add(inspection_.hugging_face ? "torch_dtype" : "params_dtype",
          fmt::format("says {}, but most weights are {}", *said, to_string(most)),
          inspection_.hugging_face ? "An import makes them what config.json says; --torch-dtype chooses another" : "");
    if (inspection_.hugging_face && (configuration_.find("quantization_config") != nullptr ||
                                     configuration_.find("text_config.quantization_config") != nullptr))
      add("quantization_config",
          fmt::format("the weights are quantised ({})",
                      string("quantization_config.quant_method").value_or("of no stated method")),
          "An import decodes them; export --quantize reference stores them so again");
  }

  void tied() {
    const auto head = catalogue_.tensors.find("lm_head.weight");
    const bool has_head = head != catalogue_.tensors.end();
    if (inspection_.hugging_face->tied.value_or(false) && has_head)
      add("tensor lm_head.weight", "is stored although tie_word_embeddings is true",
          "A conversion compares the two; they must be equal");
  }

  // The largest number behind "layers." or "h." at the beginning of names of the language model.
  std::int64_t count_of_names() const {
    std::int64_t count = 0;
    for (const auto& [name, tensor] : catalogue_.tensors)
      for (const std::string_view stack : {"model.layers.", "model.language_model.layers.",
                                           "language_model.model.layers.", "backbone.layers.", "transformer.h."}) {
        if (!name.starts_with(stack)) continue;
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(name.data() + stack.size(), name.data() + name.size(), number);
        if (error == std::errc{} && number < (std::int64_t{1} << 40)) count = std::max(count, number + 1);
      }
    return count;
  }

  void layers_of_names() {
    const auto stated = integer("num_hidden_layers");
    const auto count = count_of_names();
    if (!stated || count == 0 || count == *stated) return;
    const auto further = integer("num_nextn_predict_layers").value_or(0);
    if (count > *stated && count - *stated <= std::max<std::int64_t>(further, 0))
      return;  // prediction layers are numbered on
    add("num_hidden_layers", fmt::format("is {}, but the tensors have {} layers", *stated, count),
        "Check that config.json belongs to these weights");
  }

  void layers_of_stacks() {
    const auto stated = configuration_.integer("num_layers");
    for (const auto& stack : inspection_.megatron->stacks)
      if (stated && (stack.prefix == "decoder.layers." || stack.prefix == "language_model.decoder.layers.") &&
          stack.layers != *stated && inspection_.megatron->storage == MegatronStorage::torch_dist)
        add("num_layers", fmt::format("is {}, but {} has {} layers", *stated, stack.prefix, stack.layers));
  }

  void code_of_its_own() {
    if (configuration_.find("auto_map") != nullptr)
      add("auto_map", "config.json names code of the model's own, which is never run here");
  }

  void rope() {
    for (const auto* name : {"rope_scaling", "rope_parameters"}) {
      const auto type = string(std::string{name} + ".rope_type"), old = string(std::string{name} + ".type");
      if (type && old && *type != *old)
        add(name, fmt::format("says rope_type {} and type {}", *type, *old),
            "Readers take rope_type; remove the other");
      if (const auto found = type ? type : old; found && *found != "default")
        add(name, fmt::format("RoPE is scaled: {}{}", *found, factor(name)));
    }
  }
  std::string factor(const std::string& name) const {
    const auto number = field([&](const std::string& path) { return configuration_.number(path); }, name + ".factor");
    return number ? fmt::format(", factor {}", *number) : "";
  }

  void vocabulary() {
    const auto stated = integer("vocab_size");
    if (!stated) return;
    for (const auto& [name, tensor] : catalogue_.tensors) {
      const bool embedding = name.ends_with("embed_tokens.weight") || name.ends_with("word_embeddings.weight") ||
                             name.ends_with("embeddings.weight") || name.ends_with("wte.weight");
      if (!embedding || tensor.shape.size() != 2 || tensor.shape[0] == *stated || name.find("mp_rank_") != name.npos)
        continue;
      if (tensor.shape[0] > *stated)
        add("vocabulary",
            fmt::format("{} has {} rows for a vocabulary of {}; the rest is padding", name, tensor.shape[0], *stated));
      else if (name.find("position") == name.npos && name.find("vision") == name.npos)
        add("vocab_size", fmt::format("is {}, but {} has {} rows", *stated, name, tensor.shape[0]));
      return;
    }
  }

  const Catalogue& catalogue_;
  Inspection& inspection_;
  const ConfigDocument configuration_;
};

}  // namespace

void look_for_oddities(const Catalogue& catalogue, Inspection& inspection) { Oddities{catalogue, inspection}.look(); }

}  // namespace weighbridge
