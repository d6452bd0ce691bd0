#pragma once
// Whether text is what it says it is.

#include <cstddef>
#include <optional>
#include <string_view>

namespace weighbridge {

// How many bytes the well-formed UTF-8 character at the front of `text` has (no overlong forms, no surrogates, nothing above
// U+10FFFF); 0 if there is none. Source: Unicode, table 3-7.
std::size_t utf8_character(std::string_view text);

// The first byte that does not belong to such a character; nothing if all of them do.
std::optional<std::size_t> malformed_utf8(std::string_view text);

}  // namespace weighbridge
