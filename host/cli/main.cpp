#include <malloc.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/interruption.hpp"
#include "cli/program.hpp"

namespace {

unsigned columns_of(int terminal) {
  winsize size{};
  const bool known = ::ioctl(terminal, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

int main(int count, char** words) {
  // A plan is millions of small strings and lists. glibc's fast bins are merged again at every larger release, which costs
  // a fifth of the planning time.
  ::mallopt(M_MXFAST, 0);
  const weighbridge::Interruption interruption;
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  weighbridge::Console console{std::cout, std::cerr, terminal, columns_of(STDERR_FILENO), interruption.token()};
  const std::vector<std::string> arguments(words + (count > 0 ? 1 : 0), words + count);
  const int code = weighbridge::run_program(arguments, console);
  // A report that did not reach its reader is a failure.
  if (!std::cout.flush() && code == weighbridge::kDone) return weighbridge::kFailed;
  return code;
}
