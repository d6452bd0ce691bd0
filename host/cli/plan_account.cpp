#include "cli/plan_account.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <set>

#include "cli/amounts.hpp"
#include "cli/report.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

std::size_t copy_count(const Plan& plan) {
  std::size_t count = 0;
  for (const auto& tensor : plan.tensors) count += tensor.copies.size();
  return count;
}

std::vector<std::size_t> tensors_of_files(const Plan& plan) {
  std::vector<std::size_t> counts(plan.files.size());
  for (const auto& tensor : plan.tensors) ++counts[tensor.file];
  return counts;
}

// Indices of the source files that an output tensor is made of.
std::set<std::uint32_t> source_files(const Plan& plan, const OutputTensor& tensor) {
  std::set<std::uint32_t> files;
  for (const auto& copy : tensor.copies)
    if (const auto* decoded = plan.decoded_source(copy.source_file)) files.insert(decoded->data.source_file);
    else files.insert(copy.source_file);
  return files;
}

// A plan exists only once its coverage is proven; this says what was proven.
std::string coverage(const Conversion& conversion) {
  const auto& proven = conversion.proven;
  auto text = fmt::format("each of {} elements of {} is used once, and each of {} elements of {} is written once", proven.input_elements,
                          readable_count(static_cast<std::size_t>(proven.input_tensors), "input tensor"), proven.output_elements,
                          readable_count(static_cast<std::size_t>(proven.output_tensors), "output tensor"));
  if (proven.padding_elements > 0) text += fmt::format(" ({} of them are padding)", proven.padding_elements);
  return text;
}

json::object proof_json(const Conversion& conversion) {
  const auto& proven = conversion.proven;
  json::array exceptions;
  const auto add = [&](std::string_view kind, const std::vector<Named>& names) {
    for (const auto& named : names) exceptions.push_back({{"kind", kind}, {"name", named.name}, {"reason", named.reason}, {"rule", named.rule}});
  };
  add("tied", conversion.tied);
  add("padded", conversion.padded);
  add("dropped", conversion.dropped);
  add("synthesised", conversion.synthesised);
  add("carried", conversion.carried);
  return {{"input", {{"tensors", proven.input_tensors}, {"elements", proven.input_elements}, {"used_once", proven.input_elements}}},
          {"output",
           {{"tensors", proven.output_tensors},
            {"elements", proven.output_elements},
            {"written_once", proven.output_elements - proven.padding_elements},
            {"padding", proven.padding_elements}}},
          {"exceptions", std::move(exceptions)}};
}

std::string joined_sources(const Plan& plan, const OutputTensor& tensor) {
  std::string text;
  for (const auto file : source_files(plan, tensor)) {
    text += (text.empty() ? "" : ", ") + plan.sources[file].filename().string();
  }
  return text.empty() ? "nothing" : text;
}

json::array each_tensor_json(const Plan& plan) {
  json::array tensors;
  for (const auto& tensor : plan.tensors) {
    json::array sources;
    for (const auto file : source_files(plan, tensor)) sources.push_back(json::string{plan.sources[file].string()});
    tensors.push_back({{"name", tensor.name},
                       {"file", plan.files[tensor.file].path.generic_string()},
                       {"offset", tensor.offset},
                       {"bytes", tensor.bytes},
                       {"dtype", to_string(tensor.dtype)},
                       {"padded", tensor.padded},
                       {"copies", tensor.copies.size()},
                       {"sources", std::move(sources)}});
  }
  return tensors;
}

// What reading and then writing takes; computing is faster than any disk.
double seconds_at_one_gigabyte(const Conversion& conversion) {
  return static_cast<double>(conversion.input_bytes + conversion.output_bytes) / 1e9;
}

}  // namespace

json::object plan_json(const Prepared& prepared, const Options& options, bool each_tensor) {
  const auto& conversion = prepared.conversion;
  const auto& plan = conversion.plan;
  const auto counts = tensors_of_files(plan);
  json::array sources, files, carried;
  for (const auto& source : plan.sources) sources.push_back(json::string{source.string()});
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    files.push_back(
        {{"path", plan.files[i].path.generic_string()}, {"bytes", plan.files[i].size}, {"tensors", counts[i]}});
  }
  for (const auto& file : plan.carried) {
    carried.push_back({{"source", file.source.string()}, {"path", file.path.generic_string()}});
  }
  json::object object{{"command", "plan"},
                      {"direction", to_string(prepared.direction)},
                      {"source", prepared.source.string()},
                      {"destination", prepared.destination.string()},
                      {"family", {{"id", conversion.family}, {"version", conversion.family_version}}},
                      {"architecture", conversion.architecture},
                      {"planning_seconds", prepared.seconds},
                      {"input_bytes", conversion.input_bytes},
                      {"output_bytes", conversion.output_bytes},
                      {"copies", copy_count(plan)},
                      {"max_memory_bytes", options.max_memory},
                      {"seconds_at_one_gigabyte_per_second", seconds_at_one_gigabyte(conversion)},
                      {"coverage", coverage(conversion)},
                      {"proof", proof_json(conversion)},
                      {"tensors", tensors_json(conversion)},
                      {"notes", strings_json(conversion.notes)},
                      {"training_flags", strings_json(conversion.training_flags)},
                      {"sources", std::move(sources)},
                      {"files", std::move(files)},
                      {"carried", std::move(carried)}};
  if (each_tensor) object["output_tensors"] = each_tensor_json(plan);
  return object;
}

std::string plan_text(const Prepared& prepared, const Options& options, bool each_tensor) {
  const auto& conversion = prepared.conversion;
  const auto& plan = conversion.plan;
  const auto counts = tensors_of_files(plan);
  auto text = fmt::format("Plan of {} {}: {}", prepared.direction == Direction::reshard ? "a" : "an", to_string(prepared.direction),
                          prepared.source.string());
  if (!prepared.destination.empty()) text += fmt::format(" -> {}", prepared.destination.string());
  text += fmt::format("\n  family      {} {}, {}\n", conversion.family, conversion.family_version,
                      conversion.architecture);
  text += tensors_text(conversion);
  text += fmt::format("  reads       {} from {}\n", readable_bytes(conversion.input_bytes),
                      readable_count(plan.sources.size(), "file"));
  text += fmt::format("  writes      {} to {}\n", readable_bytes(conversion.output_bytes),
                      readable_count(plan.files.size() + plan.carried.size(), "file"));
  for (std::size_t i = 0; i < plan.files.size(); ++i) {
    text += fmt::format("    {:>10}  {}{}\n", readable_bytes(plan.files[i].size), plan.files[i].path.generic_string(),
                        counts[i] > 0 ? ", " + readable_count(counts[i], "tensor") : "");
  }
  for (const auto& file : plan.carried) text += fmt::format("    {:>10}  {}\n", "carried", file.path.generic_string());
  text += fmt::format("  copies      {}\n", copy_count(plan));
  text += fmt::format("  memory      at most {}\n", readable_memory(options.max_memory));
  text += fmt::format("  time        about {} where the disk reads and writes 1 GB/s\n", readable_seconds(seconds_at_one_gigabyte(conversion)));
  text += fmt::format("  proven      {}\n", coverage(conversion));
  text += fmt::format("  planned in  {}\n", readable_seconds(prepared.seconds));
  text += notes_text(conversion);
  if (each_tensor) {
    for (const auto& tensor : plan.tensors) {
      text += fmt::format("  {} {} {} in {}, {}, from {}\n", tensor.name, to_string(tensor.dtype),
                          readable_bytes(tensor.bytes), plan.files[tensor.file].path.generic_string(),
                          tensor.copies.size() == 1 ? "1 copy" : fmt::format("{} copies", tensor.copies.size()),
                          joined_sources(plan, tensor));
    }
  }
  return text;
}

}  // namespace weighbridge
