#include "cli/pack_report.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "cli/amounts.hpp"
#include "cli/report.hpp"

namespace weighbridge {
namespace {

namespace json = boost::json;

double ratio(std::uint64_t bytes, std::uint64_t stored) {
  return stored > 0 ? static_cast<double>(bytes) / static_cast<double>(stored) : 0;
}

double gigabytes_per_second(std::uint64_t bytes, double seconds) {
  return seconds > 0 ? static_cast<double>(bytes) / 1e9 / seconds : 0;
}

// What both reports say; `bytes` are those of the files.
json::object common_json(std::string_view command, const auto& report, std::uint64_t bytes, std::uint64_t archive,
                         const std::filesystem::path& source, const std::filesystem::path& destination) {
  return {{"command", command},
          {"source", source.string()},
          {"destination", destination.string()},
          {"files", report.files},
          {"folders", report.folders},
          {"pieces", report.pieces},
          {"bytes_read", report.bytes_read},
          {"bytes_written", report.bytes_written},
          {"ratio", ratio(bytes, archive)},
          {"seconds", report.seconds},
          {"gb_per_second", gigabytes_per_second(bytes, report.seconds)},
          {"peak_memory_bytes", report.peak_resident},
          {"threads", report.threads}};
}

std::string common_text(std::string_view done, const auto& report, std::uint64_t bytes, std::uint64_t archive,
                        const std::filesystem::path& source, const std::filesystem::path& destination) {
  auto text = fmt::format("{} {} -> {}\n", done, source.string(), destination.string());
  text += fmt::format("  content     {}, {}\n", readable_count(report.files, "file"),
                      readable_count(report.folders, "folder"));
  text += fmt::format("  bytes       {} read, {} written, ratio {:.3f}\n", readable_bytes(report.bytes_read),
                      readable_bytes(report.bytes_written), ratio(bytes, archive));
  text += fmt::format("  time        {}, {:.2f} GB/s, {}\n", readable_seconds(report.seconds),
                      gigabytes_per_second(bytes, report.seconds), readable_count(report.threads, "thread"));
  return text + fmt::format("  memory      {} at most\n", readable_memory(report.peak_resident));
}

}  // namespace

json::object pack_json(const PackReport& report, const std::filesystem::path& source,
                       const std::filesystem::path& destination) {
  auto object = common_json("pack", report, report.bytes_read, report.bytes_written, source, destination);
  object["tensors"] = json::object{{"bytes", report.tensor_bytes},
                                   {"stored", report.tensor_stored},
                                   {"ratio", ratio(report.tensor_bytes, report.tensor_stored)}};
  json::array left_out;
  for (const auto& item : report.left_out) left_out.push_back({{"path", item.path}, {"reason", item.reason}});
  object["left_out"] = std::move(left_out);
  object["notes"] = strings_json(report.notes);
  return object;
}

json::object unpack_json(const UnpackReport& report, const std::filesystem::path& source,
                         const std::filesystem::path& destination) {
  auto object = common_json("unpack", report, report.bytes_written, report.bytes_read, source, destination);
  object["warnings"] = strings_json(report.warnings);
  return object;
}

std::string pack_text(const PackReport& report, const std::filesystem::path& source,
                      const std::filesystem::path& destination) {
  auto text = common_text("Packed", report, report.bytes_read, report.bytes_written, source, destination);
  text += fmt::format("  tensors     {}, ratio {:.3f}\n", readable_bytes(report.tensor_bytes),
                      ratio(report.tensor_bytes, report.tensor_stored));
  for (const auto& item : report.left_out) text += fmt::format("  left out    {}: {}\n", item.path, item.reason);
  for (const auto& note : report.notes) text += fmt::format("  note        {}.\n", note);
  return text;
}

std::string unpack_text(const UnpackReport& report, const std::filesystem::path& source,
                        const std::filesystem::path& destination) {
  auto text = common_text("Unpacked", report, report.bytes_written, report.bytes_read, source, destination);
  for (const auto& warning : report.warnings) text += fmt::format("  warning     {}.\n", warning);
  return text;
}

}  // namespace weighbridge
