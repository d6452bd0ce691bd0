#pragma once
// What tells two runs apart: a number for a plan and for its windows, and which files the sources are.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/files.hpp"
#include "engine/schedule.hpp"
#include "mapping/plan.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// A 64-bit digest against mistakes, not against attackers. The same on every machine.
class Fingerprint {
 public:
  void add(std::uint64_t value);
  void add(std::string_view text);
  std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_{0x243f6a8885a308d3};
};

// Of everything in a plan that decides a byte of the output, but for where the sources lie.
std::uint64_t fingerprint(const Plan& plan);
// Of how the plan's tensors are cut into windows.
std::uint64_t fingerprint(const Schedule& schedule, std::size_t tensors);

// A file as it was when it was looked at. Where it lies is for messages: a link or another spelling of its path is the same file.
struct FileIdentity {
  std::filesystem::path path;
  std::uint64_t size{};
  std::int64_t modified{};  // nanoseconds
  std::uint64_t inode{};
  bool same(const FileIdentity& other) const { return size == other.size && modified == other.modified && inode == other.inode; }
};

Result<FileIdentity> identify(Files& files, const std::filesystem::path& path);
// Of the plan's sources and then of its carried files.
Result<std::vector<FileIdentity>> identify_sources(Files& files, const Plan& plan);

}  // namespace weighbridge
