#include "checkpoints/placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoints/megatron_document.hpp"

namespace weighbridge {
namespace {

constexpr std::int64_t kMaxCells = 1 << 16;
constexpr std::size_t kMaxLayout = 1 << 20;  // characters of an expanded layout

Error refused(std::string option, std::string problem, std::string remedy) {
  return Error{Error::Kind::usage, "", std::move(option), std::move(problem), std::move(remedy)};
}

// "sizes that do: 1, 2, 4"
std::string divisors(std::int64_t number) {
  std::string text;
  for (std::int64_t candidate = 1; candidate <= std::min<std::int64_t>(number, 512); ++candidate)
    if (number % candidate == 0) text += (text.empty() ? "" : ", ") + std::to_string(candidate);
  return "Sizes that do: " + text;
}

// The decoder's part of a hybrid pattern: "M*-M|M*-" without the prediction layers behind the first slash.
std::string_view decoder_pattern(std::string_view pattern) { return pattern.substr(0, pattern.find('/')); }

struct Cells {
  std::vector<std::int64_t> counts;
  std::optional<std::int64_t> prediction;  // cell of the multi-token prediction layers; the last one if absent
};

Result<Cells> from_segments(std::string_view pattern, const ParallelLayout& layout) {
  Cells cells;
  cells.counts.push_back(0);
  for (const auto symbol : pattern) {
    if (symbol == '|') cells.counts.push_back(0);
    else ++cells.counts.back();
  }
  const auto wanted = layout.pipeline * layout.chunks();
  if (static_cast<std::int64_t>(cells.counts.size()) != wanted)
    return refused("--pp", fmt::format("the hybrid pattern has {} segments, but {} stages of {} chunks are {} cells",
                                       cells.counts.size(), layout.pipeline, layout.chunks(), wanted),
                   fmt::format("Give sizes whose product is {}", cells.counts.size()));
  return cells;
}

// "x*3" and "(…)*3" written out, commas left out. Source: PipelineParallelLayerLayout.parse_str_to_list.
Result<std::string> written_out(std::string_view text) {
  std::string out;
  std::vector<std::size_t> open;  // where groups begin in `out`
  auto item = std::string::npos;  // where the last letter or group begins, of the group that is open; none yet
  const auto wrong = [&](std::string problem) {
    return refused("--pipeline-model-parallel-layout", fmt::format("'{}' {}", text, problem), "Write it like \"Et*3|(tt|)*29,m|L\"");
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = text[i];
    if (c == ',' || c == ' ') continue;
    if (c == '(') {
      open.push_back(out.size());
      item = std::string::npos;
    } else if (c == ')') {
      if (open.empty()) return wrong("closes a group that was not opened");
      item = open.back();
      open.pop_back();
    } else if (c == '*') {
      std::int64_t times = 0;
      const auto begin = ++i;
      while (i < text.size() && text[i] >= '0' && text[i] <= '9' && times < kMaxCells) times = times * 10 + (text[i++] - '0');
      if (i == begin || item == std::string::npos) return wrong("has a * without something before it and a number behind it");
      --i;
      const auto unit = out.substr(item);
      out.resize(item);
      if (unit.size() * static_cast<std::size_t>(times) + out.size() > kMaxLayout) return wrong("is too long when written out");
      for (; times > 0; --times) out += unit;
    } else if (std::string_view{"EtmL|"}.find(c) != std::string_view::npos) {
      item = out.size();
      out += c;
    } else {
      return wrong(fmt::format("has the letter {}; known are E, t, m, L and |", c));
    }
  }
  if (!open.empty()) return wrong("leaves a group open");
  return out;
}

Result<Cells> from_text(const ParallelLayout& layout, std::int64_t layers, std::int64_t predictions) {
  const std::string option = "--pipeline-model-parallel-layout";
  auto text = written_out(layout.stages);
  if (!text) return text.error();
  const auto wrong = [&](std::string problem) { return refused(option, std::move(problem), "Correct the layout"); };
  const auto count_of = [&](char letter) { return static_cast<std::int64_t>(std::ranges::count(*text, letter)); };
  if (!text->starts_with('E') || count_of('E') != 1) return wrong("the embedding (E) must come first, once");
  if (!text->ends_with('L') || count_of('L') != 1) return wrong("the loss (L) must come last, once");
  if (count_of('t') != layers) return wrong(fmt::format("it places {} decoder layers (t); the model has {}", count_of('t'), layers));
  if (count_of('m') != predictions) return wrong(fmt::format("it places {} prediction layers (m); the model has {}", count_of('m'), predictions));
  Cells cells;
  cells.counts.push_back(0);
  for (const auto letter : *text) {
    if (letter == '|') cells.counts.push_back(0);
    if (letter == 't' && cells.prediction) return wrong("decoder layers (t) must come before prediction layers (m)");
    if (letter == 't') ++cells.counts.back();
    if (letter == 'm') {
      const auto cell = static_cast<std::int64_t>(cells.counts.size()) - 1;
      if (cells.prediction && *cells.prediction != cell) return wrong("all prediction layers (m) must lie in one cell");
      cells.prediction = cell;
    }
  }
  const auto found = static_cast<std::int64_t>(cells.counts.size());
  const auto wanted = layout.virtual_pipeline ? layout.pipeline * *layout.virtual_pipeline : found;
  if (found != wanted || found % layout.pipeline != 0)
    return wrong(fmt::format("it has {} cells, which {} stages{} do not fill", found, layout.pipeline,
                             layout.virtual_pipeline ? fmt::format(" of {} chunks", *layout.virtual_pipeline) : ""));
  if (cells.prediction && *cells.prediction / layout.pipeline != found / layout.pipeline - 1)
    return wrong("prediction layers (m) must lie in the last chunk of their stage");
  return cells;
}

Result<Cells> from_ends(const ParallelLayout& layout, std::int64_t layers) {
  const auto first = layout.first_stage.value_or(0), last = layout.last_stage.value_or(0);
  const auto ends = std::int64_t{layout.first_stage.has_value()} + std::int64_t{layout.last_stage.has_value()};
  const std::string option = "--decoder-first-pipeline-num-layers, --decoder-last-pipeline-num-layers";
  if (layout.embedding_counts || layout.loss_counts)
    return refused(option, "do not go together with counting the embedding or the loss as a layer", "Give one of the two");
  if (layout.pipeline < 2) return refused(option, "need more than one pipeline stage", "Give --pp");
  const auto between = layout.pipeline - ends, rest = layers - first - last;
  if (first < 0 || last < 0 || rest < 0 || (between == 0 && rest != 0) || (between > 0 && rest % between != 0))
    return refused(option, fmt::format("{} and {} of {} layers leave {} for {} stages", first, last, layers, rest, between),
                   "Give numbers that leave as many layers to every other stage");
  Cells cells;
  for (std::int64_t chunk = 0; chunk < layout.chunks(); ++chunk)
    for (std::int64_t stage = 0; stage < layout.pipeline; ++stage) {
      const bool is_first = stage == 0 && layout.first_stage, is_last = stage == layout.pipeline - 1 && layout.last_stage;
      const auto count = is_first ? first : is_last ? last : rest / between;
      if (count % layout.chunks() != 0)
        return refused("--vpp", fmt::format("{} does not divide the {} layers of stage {}", layout.chunks(), count, stage), divisors(count));
      cells.counts.push_back(count / layout.chunks());
    }
  return cells;
}

Result<Cells> evenly(const ParallelLayout& layout, std::int64_t layers) {
  const auto counted = layers + layout.embedding_counts + layout.loss_counts;
  const auto cells = layout.pipeline * layout.chunks();
  if (counted % layout.pipeline != 0)
    return refused("--pp", fmt::format("{} does not divide the {} layers of the model{}", layout.pipeline, counted,
                                       counted == layers ? "" : ", embedding and loss counted"),
                   divisors(counted) + "; or give --decoder-first-pipeline-num-layers, --decoder-last-pipeline-num-layers or "
                                       "--pipeline-model-parallel-layout");
  if (counted % cells != 0)
    return refused("--vpp", fmt::format("{} does not divide the {} layers of a stage", layout.chunks(), counted / layout.pipeline),
                   divisors(counted / layout.pipeline));
  Cells made;
  made.counts.assign(static_cast<std::size_t>(cells), counted / cells);
  made.counts.front() -= layout.embedding_counts;
  made.counts.back() -= layout.loss_counts;
  if (made.counts.front() < 0 || made.counts.back() < 0)
    return refused("--pp", fmt::format("{} layers are too few for {} cells with embedding and loss counted", layers, cells), "Give fewer stages");
  return made;
}

}  // namespace

Placement::Placement(std::int64_t stages, std::vector<std::int64_t> counts) : stages_{stages}, first_{0} {
  for (const auto count : counts) first_.push_back(first_.back() + count);
  prediction_ = output();
}

Result<Placement> Placement::of(const ParallelLayout& layout, const boost::json::object& megatron) {
  const auto whole_pattern = string_field(megatron, "hybrid_layer_pattern").value_or("");
  const auto pattern = decoder_pattern(whole_pattern);
  const auto layers = pattern.empty() ? integer_field(megatron, "num_layers").value_or(0)
                                      : static_cast<std::int64_t>(pattern.size() - static_cast<std::size_t>(std::ranges::count(pattern, '|')));
  if (layout.pipeline < 1 || layout.chunks() < 1 || layout.pipeline > kMaxCells / layout.chunks())
    return refused("--pp", fmt::format("{} stages of {} chunks cannot be", layout.pipeline, layout.chunks()), "Give whole numbers from 1 on");
  if (layout.chunks() > 1 && layout.pipeline == 1)
    return refused("--vpp", "needs more than one pipeline stage", "Give --pp");
  const bool ends = layout.first_stage || layout.last_stage;
  if (!pattern.empty()) {
    const bool bars = pattern.find('|') != std::string_view::npos;
    if (layout.chunks() > 1 && !bars)
      return refused("--vpp", "does not go together with a hybrid pattern that does not say where chunks end", "Leave it out, or write | into the pattern");
    if (ends && bars)
      return refused("--decoder-first-pipeline-num-layers, --decoder-last-pipeline-num-layers", "do not go together with a hybrid pattern that says where stages end",
                     "Leave them out");
    if (!layout.stages.empty() || layout.embedding_counts || layout.loss_counts)
      return refused("--pipeline-model-parallel-layout, --account-for-*", "do not go together with a hybrid pattern", "Leave them out, or write | into the pattern");
  }
  if (!layout.stages.empty() && (ends || layout.embedding_counts || layout.loss_counts))
    return refused("--pipeline-model-parallel-layout", "goes together with no other way to place layers", "Give one of the two");
  auto cells = !layout.stages.empty()                     ? from_text(layout, layers, integer_field(megatron, "mtp_num_layers").value_or(0))
               : pattern.find('|') != std::string_view::npos ? from_segments(pattern, layout)
               : ends                                     ? from_ends(layout, layers)
                                                          : evenly(layout, layers);
  if (!cells) return cells.error();
  Placement placement{layout.pipeline, cells->counts};
  if (cells->prediction) placement.prediction_ = {*cells->prediction % layout.pipeline, *cells->prediction / layout.pipeline};
  return placement;
}

Result<ParallelLayout> settled_layout(const ParallelLayout& layout, const boost::json::object& megatron) {
  auto placement = Placement::of(layout, megatron);
  if (!placement) return placement.error();
  auto settled = layout;
  if (placement->chunks() > 1) settled.virtual_pipeline = placement->chunks();
  return settled;
}

Placement::Place Placement::layer(std::int64_t number) const {
  const auto next = std::ranges::upper_bound(first_, number);
  const auto cell = next - first_.begin() - 1;
  return {{cell % stages_, cell / stages_}, number - first_[static_cast<std::size_t>(cell)]};
}

}  // namespace weighbridge
