#pragma once
// The command line as people type it, made what the parser expects.

#include <string>
#include <vector>

namespace weighbridge {

// `words` without the program's name. The names of flags are written with dashes (--megatron_path=a_b becomes
// --megatron-path=a_b), and a flag of several letters after one dash gets its second (-tp 2 becomes --tp 2). Values,
// positional words and all that follows a lone "--" stay as they are.
std::vector<std::string> normalised_arguments(std::vector<std::string> words);

}  // namespace weighbridge
