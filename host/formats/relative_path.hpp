#pragma once
// Paths that a checkpoint names inside itself (shards in an index, .distcp files in .metadata).

#include <string_view>

namespace weighbridge {

// Whether `path` stays inside the folder that it is relative to: not empty, not absolute, no component "..", no
// backslash, no control byte. Sub-folders are fine. Symbolic links are not looked at here.
bool stays_inside_folder(std::string_view path);

}  // namespace weighbridge
