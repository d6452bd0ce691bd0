#pragma once
// Says what was being done when a plugin crashes the process: nobody else could.

#include <string_view>

namespace weighbridge {

// While one lives, a fatal signal (division by zero, bad memory access, abort) writes a line to standard error that names
// the last note, and then does what it did before. One at a time in a process.
class CrashWitness {
 public:
  CrashWitness();
  ~CrashWitness();
  CrashWitness(const CrashWitness&) = delete;
  CrashWitness& operator=(const CrashWitness&) = delete;

  // "family my_family, to_megatron, on num_hidden_layers: 0". Of several threads the last one counts.
  static void note(std::string_view family, std::string_view callback, std::string_view on);
};

}  // namespace weighbridge
