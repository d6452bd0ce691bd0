#pragma once
// A destination folder that appears at once. Files are made in a hidden folder beside it, which is renamed at the end.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/files.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

class Staging {
 public:
  // `destination` is canonical. Makes missing parents and locks the destination against other runs.
  static Result<std::unique_ptr<Staging>> claim(Files& files, const std::filesystem::path& destination);
  // Undoes what a killed run left (its folder is removed; a replaced destination that has no successor is put back) and makes
  // an empty folder. An error if the destination is no folder, or is not empty and `overwrite` is not given.
  Status start(bool overwrite);
  // The same, but goes on with the folder that the killed run left.
  Status resume(bool overwrite);
  // For a destination that needs nothing more: what a killed run left is put in order.
  Status tidy() { return put_old_one_back(); }
  // claim() and start().
  static Result<std::unique_ptr<Staging>> begin(Files& files, const std::filesystem::path& destination, bool overwrite);

  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();  // unless published or kept: nothing is left but what was there before

  const std::filesystem::path& destination() const noexcept { return destination_; }
  const std::filesystem::path& folder() const noexcept { return partial_; }  // where to write
  const std::filesystem::path& journal() const noexcept { return journal_; }  // where to note what is written
  const std::filesystem::path& record() const noexcept { return record_; }    // where to note what made the destination
  // Whether there are both a folder and a journal of an earlier run; a journal without the folder is removed.
  Result<bool> has_leftover();
  void keep() noexcept { kept_ = true; }  // folder and journal stay when this goes

  // Puts the folder, whose contents the caller has synced, in the destination's place and syncs that. A destination
  // that is to be replaced is moved aside first and removed last; on an error it is back in its place. What could not
  // be removed at the end is told in `warnings`.
  Status publish(std::vector<std::string>& warnings);

 private:
  Staging(Files& files, const std::filesystem::path& destination);
  Status make_parents();
  Status lock();
  Status put_old_one_back();
  Status remove_leftover();
  Status look_at_destination(bool overwrite);

  Files& files_;
  std::filesystem::path destination_, partial_, replaced_, journal_, record_, lock_path_;
  std::vector<std::filesystem::path> made_parents_;  // outermost first
  std::optional<Descriptor> lock_;
  bool replaces_{};
  bool made_{};
  bool kept_{};
};

// The destination as a canonical path. An error if it has no name of its own, or if it is, contains or lies in the
// folder of one of the files in `sources`.
Result<std::filesystem::path> resolve_destination(Files& files, const std::filesystem::path& destination,
                                                  const std::vector<std::filesystem::path>& sources);

// An error, with both numbers, unless the file system that holds `folder` has room for that many bytes in that many
// files.
Status check_free_space(Files& files, const std::filesystem::path& folder, std::uint64_t bytes, std::uint64_t count);

}  // namespace weighbridge
