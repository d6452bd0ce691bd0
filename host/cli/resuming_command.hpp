#pragma once
// The command line that continues an interrupted one.

#include <string>
#include <vector>

namespace weighbridge {

// "weighbridge WORDS --resume", to be pasted into a shell; --resume is not added twice.
std::string resuming_command(const std::vector<std::string>& words);

}  // namespace weighbridge
