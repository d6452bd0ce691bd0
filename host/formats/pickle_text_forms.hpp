#pragma once
// The textual arguments of the oldest pickle protocols. Private to this room.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weighbridge {

std::optional<std::int64_t> decimal(std::string_view text);       // "-12", "12L"; nothing beyond 64 bits
std::optional<double> decimal_real(std::string_view text);        // as Python's repr writes it
std::optional<std::string> quoted_string(std::string_view text);  // 'a\x00b' as the bytes it stands for
std::optional<std::string> raw_unicode(std::string_view text);    // Latin-1 with \uXXXX and \UXXXXXXXX, as UTF-8
std::optional<std::string> latin1_bytes(std::string_view utf8);   // nothing if a character is above U+00FF

}  // namespace weighbridge
