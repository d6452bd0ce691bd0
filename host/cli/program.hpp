#pragma once
// The program, from its words to its exit code.

#include <string>
#include <vector>

#include "cli/console.hpp"

namespace weighbridge {

// `words` are those after the program's name. Gives the exit code (see console.hpp). With --json among the words
// everything that goes to `out` is one JSON object, errors of the command line included.
int run_program(const std::vector<std::string>& words, Console& console);

}  // namespace weighbridge
