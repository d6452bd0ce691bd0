#pragma once
// How much a planned conversion reads and writes.

#include "conversion/conversion.hpp"

namespace weighbridge {

// Fills input_bytes (elements that the copies read, and carried files) and output_bytes (every file of the output).
void count_bytes(Conversion& conversion);

}  // namespace weighbridge
