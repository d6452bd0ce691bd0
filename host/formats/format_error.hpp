#pragma once
// The errors that every reader of this room makes.

#include <string>
#include <string_view>

#include "tensor/result.hpp"

namespace weighbridge {

// The file does not follow its format; most often it was cut off or altered on its way.
Error damaged(std::string_view file, std::string_view subject, std::string problem);
// The file follows its format, but uses something that this program cannot read.
Error not_supported(std::string_view file, std::string_view subject, std::string problem, std::string remedy);

}  // namespace weighbridge
