#include "formats/relative_path.hpp"

#include <algorithm>

namespace weighbridge {

bool stays_inside_folder(std::string_view path) {
  if (path.empty() || path.front() == '/') return false;
  for (const char c : path)
    if (static_cast<unsigned char>(c) < 0x20 || c == '\\') return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const auto end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return path.back() != '/' && path != ".";
}

}  // namespace weighbridge
