#pragma once
// Bytes of the fuzzer as a file.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "formats/input_file.hpp"

namespace weighbridge::fuzzing {

class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_{::memfd_create("input", MFD_CLOEXEC)} {
    if (descriptor_ < 0 || ::write(descriptor_, data, size) != static_cast<::ssize_t>(size)) std::abort();
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { ::close(descriptor_); }

  InputFile open() const { return *InputFile::open("/proc/self/fd/" + std::to_string(descriptor_)); }

 private:
  int descriptor_;
};

// Stops the fuzzer: a promise of the code under test is broken.
inline void require(bool kept) {
  if (!kept) std::abort();
}

}  // namespace weighbridge::fuzzing
