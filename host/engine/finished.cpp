#include "engine/finished.hpp"

#include <cerrno>
#include <span>
#include <utility>

#include <fcntl.h>

#include "engine/records.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kMagic = "weighbridge output 1";

// Nothing if one of them is not there.
Result<std::vector<FileIdentity>> identify_outputs(Files& files, const std::filesystem::path& folder, const Plan& plan) {
  std::vector<FileIdentity> identities;
  const auto add = [&](const std::filesystem::path& path) -> Status {
    auto identity = identify(files, folder / path);
    if (!identity) return std::move(identity).error();
    identities.push_back(*std::move(identity));
    identities.back().path = path;
    return done();
  };
  for (const auto& file : plan.files)
    if (auto added = add(file.path); !added) return std::move(added).error();
  for (const auto& file : plan.carried)
    if (auto added = add(file.path); !added) return std::move(added).error();
  return identities;
}

bool same(const std::vector<FileIdentity>& left, const std::vector<FileIdentity>& right) {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i)
    if (!left[i].same(right[i])) return false;
  return true;
}

}  // namespace

Status write_finished(Files& files, const std::filesystem::path& path, const std::filesystem::path& folder, const Plan& plan,
                      const RunIdentity& run) {
  const auto outputs = identify_outputs(files, folder, plan);
  if (!outputs) return outputs.error();
  RecordWriter record;
  record.add(kMagic);
  record.add(std::string_view{run.maker});
  record.add(run.plan);
  add_identities(record, run.sources);
  add_identities(record, *outputs);
  const auto bytes = record.framed();
  const auto opened = open_file(files, path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!opened) return opened.error();
  if (auto written = write_exactly(files, opened->number(), 0, std::as_bytes(std::span{bytes}), path, ""); !written) return written;
  return sync_file(files, path);
}

Result<bool> is_finished(Files& files, const std::filesystem::path& path, const std::filesystem::path& destination, const Plan& plan,
                         const RunIdentity& run) {
  const auto found = read_records(files, path);
  if (!found) return found.error();
  if (found->records.size() != 1) return false;
  RecordReader record{found->records.front()};
  if (record.text() != kMagic || record.text() != run.maker || record.number64() != run.plan) return false;
  const auto sources = read_identities(record), outputs = read_identities(record);
  if (!record.complete() || record.left() > 0 || !same(sources, run.sources)) return false;
  const auto now = identify_outputs(files, destination, plan);
  return now && same(outputs, *now);
}

}  // namespace weighbridge
