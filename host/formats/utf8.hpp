#pragma once
// Whether text is what it says it is.

#include <cstddef>
#include <optional>
#include <string_view>

namespace weighbridge {

// The first byte that does not belong to well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF);
// nothing if all of it does. Source: Unicode, table 3-7.
std::optional<std::size_t> malformed_utf8(std::string_view text);

}  // namespace weighbridge
