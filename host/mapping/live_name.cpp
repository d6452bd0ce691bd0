#include "mapping/live_name.hpp"

#include <fmt/format.h>

namespace weighbridge {

std::string live_name(std::string_view stack, std::int64_t layer, std::string_view name, std::int64_t expert, std::int64_t experts) {
  auto result = stack.empty() ? std::string{name} : fmt::format("{}{}.{}", stack, layer, name);
  if (experts > 0) result += std::to_string(expert);
  return result;
}

}  // namespace weighbridge
