#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/interruption.hpp"
#include "cli/printable_stream.hpp"
#include "cli/program.hpp"
#include "engine/launched_team.hpp"

namespace {

unsigned columns_of(int terminal) {
  winsize size{};
  const bool known = ::ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

int main(int count, char** words) {
  const weighbridge::Interruption interruption;
  auto launched = weighbridge::launched_team(interruption.token());
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  weighbridge::PrintableStream out{std::cout};
  weighbridge::Console console{out, std::cerr, terminal, columns_of(STDERR_FILENO), interruption.token()};
  const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
  if (!launched) return weighbridge::fail(console, launched.error(), std::ranges::find(arguments, "--json") != arguments.end());
  // Of several processes the first one speaks.
  std::ostream nowhere{nullptr};
  if (*launched && !(*launched)->leads()) {
    weighbridge::Console silent{nowhere, nowhere, false, 80, interruption.token(), launched->get()};
    return weighbridge::run_program(arguments, silent);
  }
  console.team = launched->get();
  const int code = weighbridge::run_program(arguments, console);
  // A report that did not reach its reader is a failure.
  if (!out.flush() && code == weighbridge::kDone) return weighbridge::kFailed;
  return code;
}
