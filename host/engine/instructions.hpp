#pragma once
// Which instructions the loops over elements may use. The bits that they make are the same whichever they are.

#include <cstdint>

namespace weighbridge {

enum class Instructions : std::uint8_t { best = 1, portable };  // of those that this machine has

inline bool use_avx2([[maybe_unused]] Instructions instructions) {
#if defined(__x86_64__)
  return instructions == Instructions::best && __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

// AVX-512 for its instructions on vectors of 256 bits; those of 512 bits slow some machines down.
inline bool use_avx512([[maybe_unused]] Instructions instructions) {
#if defined(__x86_64__)
  return instructions == Instructions::best && __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
#else
  return false;
#endif
}

}  // namespace weighbridge
