#pragma once
// The closing reports of pack and unpack, for people and for programs.

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>

#include "archive/pack.hpp"
#include "archive/unpack.hpp"

namespace weighbridge {

// Keys: command, source, destination, files, folders, pieces, bytes_read, bytes_written, ratio (bytes of the files by those
// of the archive), seconds, gb_per_second (10^9 bytes of the files a second), peak_memory_bytes, threads; of pack also
// tensors {bytes, stored, ratio}, left_out [{path, reason}], notes; of unpack also warnings. A ratio by nothing is 0.
boost::json::object pack_json(const PackReport& report, const std::filesystem::path& source,
                              const std::filesystem::path& destination);
boost::json::object unpack_json(const UnpackReport& report, const std::filesystem::path& source,
                                const std::filesystem::path& destination);
// Lines for people, each ended.
std::string pack_text(const PackReport& report, const std::filesystem::path& source,
                      const std::filesystem::path& destination);
std::string unpack_text(const UnpackReport& report, const std::filesystem::path& source,
                        const std::filesystem::path& destination);

}  // namespace weighbridge
