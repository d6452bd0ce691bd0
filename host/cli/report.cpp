#include "cli/report.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "cli/amounts.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

constexpr std::size_t kFew = 8;

struct Group {
  std::string_view word;
  const std::vector<Named>* names;
  bool name_all;  // a loss or an invention is never passed over
};

std::vector<Group> groups(const Conversion& conversion) {
  return {{"tied", &conversion.tied, false},
          {"padded", &conversion.padded, false},
          {"dropped", &conversion.dropped, true},
          {"synthesised", &conversion.synthesised, true},
          {"carried", &conversion.carried, false}};
}

double gigabytes_per_second(const RunReport& run) {
  return run.seconds > 0 ? static_cast<double>(run.bytes_written) / 1e9 / run.seconds : 0;
}

// Up to this many lines of one group reach a terminal; --json has the rest.
constexpr std::size_t kMany = 100;

std::string group_text(const Group& group) {
  const auto& names = *group.names;
  if (names.empty() || (names.size() > kFew && !group.name_all)) return {};
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < kMany; ++i) {
    text += fmt::format("    {}: {}{}\n", group.word, names[i].name,
                        names[i].reason.empty() ? "" : fmt::format(" ({}{}{})", names[i].reason, names[i].rule.empty() ? "" : "; ", names[i].rule));
  }
  if (names.size() > kMany) text += fmt::format("    {}: {} more, see --json\n", group.word, names.size() - kMany);
  return text;
}

std::string_view done_to(Direction direction) {
  switch (direction) {
    case Direction::to_megatron: return "Imported";
    case Direction::to_hugging_face: return "Exported";
    case Direction::reshard: return "Resharded";
  }
  return {};
}

}  // namespace

std::string_view to_string(Direction direction) {
  switch (direction) {
    case Direction::to_megatron: return "import";
    case Direction::to_hugging_face: return "export";
    case Direction::reshard: return "reshard";
  }
  return {};
}

json::array strings_json(const std::vector<std::string>& strings) { return json::array(strings.begin(), strings.end()); }

json::object tensors_json(const Conversion& conversion) {
  json::object tensors{{"mapped", conversion.mapped}};
  for (const auto& group : groups(conversion)) {
    json::array names;
    for (const auto& named : *group.names) names.push_back({{"name", named.name}, {"reason", named.reason}, {"rule", named.rule}});
    tensors[group.word] = json::object{{"count", group.names->size()}, {"names", std::move(names)}};
  }
  return tensors;
}

std::string tensors_text(const Conversion& conversion) {
  auto text = fmt::format("  tensors     {} mapped", conversion.mapped);
  for (const auto& group : groups(conversion)) text += fmt::format(", {} {}", group.names->size(), group.word);
  text += '\n';
  for (const auto& group : groups(conversion)) text += group_text(group);
  return text;
}

std::string notes_text(const Conversion& conversion) {
  std::string text;
  for (const auto& note : conversion.notes) text += fmt::format("  note        {}.\n", note);
  if (!conversion.training_flags.empty()) {
    text += "  Start the training with these flags, which the checkpoint cannot carry:\n\n";
    for (std::size_t i = 0; i < conversion.training_flags.size(); ++i) {
      text += fmt::format("    {}{}\n", conversion.training_flags[i],
                          i + 1 < conversion.training_flags.size() ? " \\" : "");
    }
    text += '\n';
  }
  return text;
}

json::object conversion_json(const Prepared& prepared, const RunReport& run) {
  const auto& conversion = prepared.conversion;
  json::array files;
  for (const auto& file : run.files) {
    files.push_back({{"path", file.path.generic_string()}, {"bytes", file.bytes}, {"carried", file.carried}});
  }
  return {{"command", to_string(prepared.direction)},
          {"source", prepared.source.string()},
          {"destination", prepared.destination.string()},
          {"family", {{"id", conversion.family}, {"version", conversion.family_version}}},
          {"architecture", conversion.architecture},
          {"bytes_read", run.bytes_read},
          {"bytes_written", run.bytes_written},
          {"bytes_resumed", run.bytes_resumed},
          {"already_done", run.already_done},
          {"seconds", run.seconds},
          {"gb_per_second", gigabytes_per_second(run)},
          {"peak_memory_bytes", run.peak_resident},
          {"threads", run.threads},
          {"processes", run.processes},
          {"tensors", tensors_json(conversion)},
          {"encoding",
           {{"blocks_kept", run.encoding.blocks_kept}, {"blocks_new", run.encoding.blocks_new}, {"largest_error", run.encoding.largest_error}}},
          {"notes", strings_json(conversion.notes)},
          {"training_flags", strings_json(conversion.training_flags)},
          {"warnings", strings_json(run.warnings)},
          {"files", std::move(files)}};
}

std::string conversion_text(const Prepared& prepared, const RunReport& run) {
  const auto& conversion = prepared.conversion;
  if (run.already_done)
    return fmt::format("{} is already what this command makes, complete and unchanged since; nothing was done.\n", prepared.destination.string());
  auto text = fmt::format("{} {} -> {}\n", done_to(prepared.direction),
                          prepared.source.string(), prepared.destination.string());
  text += fmt::format("  family      {} {}, {}\n", conversion.family, conversion.family_version, conversion.architecture);
  text += tensors_text(conversion);
  text += fmt::format("  bytes       {} read, {} written, {}\n", readable_bytes(run.bytes_read),
                      readable_bytes(run.bytes_written), readable_count(run.files.size(), "file"));
  if (run.bytes_resumed > 0) text += fmt::format("  resumed     {} were there from the interrupted run\n", readable_bytes(run.bytes_resumed));
  text += fmt::format("  time        {}, {:.2f} GB/s, {}\n", readable_seconds(run.seconds), gigabytes_per_second(run),
                      readable_count(run.threads, "thread"));
  text += fmt::format("  memory      {} at most\n", readable_memory(run.peak_resident));
  if (const auto& encoding = run.encoding; encoding.blocks_kept + encoding.blocks_new > 0)
    text += fmt::format("  encoding    {} blocks keep their scales, {} have new ones; values are off by {:.3g} of the largest in their block at most\n",
                        encoding.blocks_kept, encoding.blocks_new, encoding.largest_error);
  text += notes_text(conversion);
  for (const auto& warning : run.warnings) text += fmt::format("  warning     {}.\n", warning);
  return text;
}

}  // namespace weighbridge
