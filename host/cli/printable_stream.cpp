#include "cli/printable_stream.hpp"

#include <algorithm>
#include <string_view>

#include "tensor/printable.hpp"

namespace weighbridge {

int PrintableStream::overflow(int character) {
  if (character == std::char_traits<char>::eof()) return 0;
  const auto one = static_cast<char>(character);
  return xsputn(&one, 1) == 1 ? character : std::char_traits<char>::eof();
}

std::streamsize PrintableStream::xsputn(const char* text, std::streamsize size) {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; };
  std::string_view rest{text, static_cast<std::size_t>(size)};
  while (!rest.empty()) {
    const auto run = static_cast<std::size_t>(std::ranges::find_if_not(rest, plain) - rest.begin());
    to_ << rest.substr(0, run);
    rest.remove_prefix(run);
    if (rest.empty()) break;
    if (rest.front() == '\n') to_ << '\n';
    else to_ << printable(rest.substr(0, 1));
    rest.remove_prefix(1);
  }
  return to_ ? size : 0;
}

int PrintableStream::sync() { return to_.flush() ? 0 : -1; }

}  // namespace weighbridge
