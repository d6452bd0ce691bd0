#include "cli/inspect_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "checkpoints/megatron_document.hpp"
#include "cli/amounts.hpp"

namespace weighbridge {
namespace {

// Labels stand in a column of their own.
class Lines {
 public:
  explicit Lines(std::string& text) : text_{text} {}
  template <class... Values>
  void add(std::string_view label, fmt::format_string<Values...> format, Values&&... values) {
    text_ += fmt::format("  {:<12} {}\n", label, fmt::format(format, std::forward<Values>(values)...));
  }

 private:
  std::string& text_;
};

std::string_view said(const std::optional<bool>& value) { return !value ? "not stated" : *value ? "tied" : "not tied"; }

// "16 layers of width 2048, 32 heads of 64 with 8 key heads, feed-forward 8192, vocabulary 128256".
std::string geometry(const boost::json::object& megatron) {
  std::vector<std::string> words;
  const auto number = [&](const char* field) { return integer_field(megatron, field); };
  const auto layers = number("num_layers"), hidden = number("hidden_size");
  if (layers && hidden) words.push_back(fmt::format("{} layers of width {}", *layers, *hidden));
  if (const auto heads = number("num_attention_heads")) {
    auto text = fmt::format("{} heads", *heads);
    if (const auto width = number("kv_channels"); width && !flag_field(megatron, "multi_latent_attention"))
      text += fmt::format(" of {}", *width);
    if (const auto groups = number("num_query_groups"); groups && *groups != *heads)
      text += fmt::format(" with {} key head{}", *groups, *groups == 1 ? "" : "s");
    words.push_back(std::move(text));
  }
  if (flag_field(megatron, "multi_latent_attention")) words.emplace_back("latent attention");
  if (const auto ffn = number("ffn_hidden_size"); ffn && *ffn > 0)
    words.push_back(fmt::format("feed-forward {}", *ffn));
  if (const auto experts = number("num_moe_experts")) {
    auto text = fmt::format("{} experts", *experts);
    if (const auto width = number("moe_ffn_hidden_size")) text += fmt::format(" of {}", *width);
    if (const auto chosen = number("moe_router_topk")) text += fmt::format(", {} at a time", *chosen);
    words.push_back(std::move(text));
  }
  if (const auto rows = number("vocab_size")) words.push_back(fmt::format("vocabulary {}", *rows));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string layout_text(const ParallelLayout& layout) {
  return fmt::format("--tp {} --pp {}{} --ep {} --etp {}", layout.tensor, layout.pipeline,
                     layout.virtual_pipeline ? fmt::format(" --vpp {}", *layout.virtual_pipeline) : "", layout.expert,
                     layout.expert_tensor_size());
}

void facts_lines(Lines& lines, const HuggingFaceFacts& facts) {
  lines.add("embeddings", "{}", said(facts.tied));
  if (!facts.weight_files.empty())
    lines.add("weights", "{}{}: {}", facts.format == WeightFormat::torch ? "torch" : "safetensors",
              facts.has_index ? ", indexed" : "", fmt::join(facts.weight_files, ", "));
  if (!facts.side_files.empty()) lines.add("side files", "{}", fmt::join(facts.side_files, ", "));
  for (const auto& file : facts.left_out) lines.add("not carried", "{} ({})", file.name, file.reason);
}

void facts_lines(Lines& lines, const MegatronFacts& facts) {
  lines.add("embeddings", "{}", said(facts.tied));
  lines.add("format", "{}{}", to_string(facts.storage),
            facts.flavor ? fmt::format(", {}", to_string(*facts.flavor)) : "");
  if (facts.iteration) lines.add("iteration", "{}", *facts.iteration);
  if (facts.layout)
    lines.add("layout", "{}", layout_text(*facts.layout));
  else if (facts.saved_by && !facts.saved_by->whole())
    lines.add("saved by", "a job of {}; any job loads it", layout_text(*facts.saved_by));
  for (const auto& stack : facts.stacks)
    lines.add("layers", "{} of {} ({})", stack.layers, stack.prefix,
              stack.per_layer_keys == 0 ? "stacked keys"
              : stack.stacked_keys == 0 ? "keys per layer"
                                        : "stacked keys and keys per layer");
  const auto& other = facts.other;
  const auto told = [&](std::int64_t count, std::string_view what) {
    if (count > 0) lines.add("also", "{}", readable_count(static_cast<std::uint64_t>(count), what));
  };
  told(other.optimizer_tensors, "optimizer tensor");
  told(other.optimizer_objects, "optimizer object");
  told(other.random_states, "random state");
  told(other.rerun_states, "rerun state");
  told(other.extra_states, "extra state");
  if (!other.unknown_objects.empty()) lines.add("unknown", "objects {}", fmt::join(other.unknown_objects, ", "));
}

}  // namespace

std::string readable_parameters(std::int64_t count) {
  constexpr std::array kUnits{"", " K", " M", " B", " T"};
  auto value = static_cast<double>(count);
  if (count < 1000) return fmt::format("{}", count);
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && value >= 999.5) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f}{}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0, kUnits[unit]);
}

std::string inspection_text(const Inspection& inspection, bool tensors) {
  auto text = fmt::format("{}: {} checkpoint{}\n", inspection.folder.string(), to_string(inspection.kind),
                          inspection.is_broken() ? ", broken" : "");
  Lines lines{text};
  if (const auto& family = inspection.family)
    lines.add("family", "{} {}, {}{}", family->id, family->version, family->architecture,
              family->summary.empty() ? "" : fmt::format(" ({})", family->summary));
  else if (inspection.hugging_face && !inspection.hugging_face->architecture.empty())
    lines.add("architecture", "{}", inspection.hugging_face->architecture);
  lines.add("size", "{} parameters ({}) in {} of {}, {}", readable_parameters(inspection.parameters),
            inspection.parameters, readable_count(inspection.tensors.size(), "tensor"),
            readable_count(static_cast<std::uint64_t>(inspection.files), "file"), readable_bytes(inspection.bytes));
  if (inspection.family && !inspection.family->near_in_size.empty())
    lines.add("near in size", "{}", fmt::join(inspection.family->near_in_size, ", "));
  for (const auto& [dtype, share] : inspection.dtypes)
    lines.add(inspection.dtypes.size() > 1 && dtype != inspection.dtypes.begin()->first ? "" : "types",
              "{}: {}, {} parameters, {}", to_string(dtype),
              readable_count(static_cast<std::uint64_t>(share.tensors), "tensor"), share.parameters,
              readable_bytes(share.bytes));
  if (const auto shape = geometry(inspection.family     ? inspection.family->megatron
                                  : inspection.megatron ? inspection.configuration
                                                        : boost::json::object{});
      !shape.empty())
    lines.add("geometry", "{}", shape);
  if (inspection.hugging_face) facts_lines(lines, *inspection.hugging_face);
  if (inspection.megatron) facts_lines(lines, *inspection.megatron);
  for (const auto& note : inspection.notes) lines.add("note", "{}.", note);
  for (const auto& finding : inspection.findings)
    if (finding.kind == Finding::Kind::oddity) lines.add("odd", "{}", weighbridge::text(finding));
  for (const auto& finding : inspection.findings)
    if (finding.kind == Finding::Kind::defect) lines.add("broken", "{}", weighbridge::text(finding));
  if (tensors)
    for (const auto& tensor : inspection.tensors)
      text += fmt::format(
          "{} {} {} {}\n", tensor.name, to_string(tensor.dtype), to_string(tensor.shape),
          tensor.files.size() == 1 ? tensor.files.front() : fmt::format("in {} files", tensor.files.size()));
  return text;
}

}  // namespace weighbridge
