#pragma once
// An inspection for people.

#include <string>

#include "inspection/inspection.hpp"

namespace weighbridge {

// Lines, each ended: what it is, what it holds, what is odd, what is broken; with `tensors` every tensor too.
std::string inspection_text(const Inspection& inspection, bool tensors);

// 1235814400 is "1.24 B": thousands (K), millions (M), billions (B), trillions (T).
std::string readable_parameters(std::int64_t count);

}  // namespace weighbridge
