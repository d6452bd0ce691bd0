#include "formats/format_error.hpp"

#include <utility>

namespace weighbridge {

Error damaged(std::string_view file, std::string_view subject, std::string problem) {
  return {Error::Kind::format, std::string{file}, std::string{subject}, std::move(problem),
          "Download or copy the file again, and check that its size and checksum are those of the source"};
}

Error not_supported(std::string_view file, std::string_view subject, std::string problem, std::string remedy) {
  return {Error::Kind::unsupported, std::string{file}, std::string{subject}, std::move(problem), std::move(remedy)};
}

}  // namespace weighbridge
