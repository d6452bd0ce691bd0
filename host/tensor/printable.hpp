#pragma once
// Names out of foreign files in messages for people: what a terminal would obey is spelt out, what is endless is cut.

#include <cstddef>
#include <string>
#include <string_view>

namespace weighbridge {

// `text` with control characters and bytes that are no UTF-8 as \xNN. Of a text of more than `most` bytes the beginning and
// the end, with "…" between them.
std::string printable(std::string_view text, std::size_t most = std::string_view::npos);

}  // namespace weighbridge
