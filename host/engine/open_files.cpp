#include "engine/open_files.hpp"

#include <algorithm>
#include <utility>

namespace weighbridge {
namespace {

constexpr std::size_t kOpenFiles = 16;

}  // namespace

Result<int> OpenFiles::get(const std::filesystem::path& path, int flags) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.path == path; });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return found->descriptor.number();
  }
  auto opened = open_file(*files_, path, flags);
  if (!opened) return opened.error();
  if (entries_.size() == kOpenFiles) entries_.pop_back();
  entries_.push_front({path, std::move(*opened)});
  return entries_.front().descriptor.number();
}

}  // namespace weighbridge
