#pragma once
// Gemma 1, 2 and 3: which is which, and what their config classes take for granted.

#include <cstdint>

#include "gemma.hpp"

namespace gemma {

enum class Generation : std::uint8_t { first = 1, second, third };

inline constexpr Sizes kDefaults[] = {
    {256'000, 3072, 24'576, 28, 16, 16, 256, 8192},
    {256'000, 2304, 9216, 26, 8, 4, 256, 8192},
    {262'208, 2304, 9216, 26, 8, 4, 256, 131'072},
};

inline Sizes sizes_of(const Config& hf, Generation generation) { return gemma::sizes_of(hf, kDefaults[static_cast<int>(generation) - 1]); }

}  // namespace gemma
