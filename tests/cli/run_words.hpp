#pragma once
// Runs a command line within the test's process.

#include <sstream>
#include <string>
#include <vector>

#include "cli/program.hpp"

namespace weighbridge {

struct Ran {
  int code{};
  std::string out, err;
};

inline Ran run_words(const std::vector<std::string>& words) {
  std::ostringstream out, err;
  Console console{out, err};
  const int code = run_program(words, console);
  return {code, out.str(), err.str()};
}

}  // namespace weighbridge
