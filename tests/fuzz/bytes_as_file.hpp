#pragma once
// A fuzzer's input as a file that the readers can open.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>

#include "formats/input_file.hpp"

namespace weighbridge {

// Owns a file in memory. Valid as long as it lives; what was opened from it stays readable.
class BytesAsFile {
 public:
  explicit BytesAsFile(std::span<const std::uint8_t> bytes) : descriptor_{::memfd_create("input", MFD_CLOEXEC)} {
    if (descriptor_ < 0 || ::write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) std::abort();
  }
  BytesAsFile(const BytesAsFile&) = delete;
  BytesAsFile& operator=(const BytesAsFile&) = delete;
  ~BytesAsFile() { ::close(descriptor_); }

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }
  InputFile open() const {
    auto file = InputFile::open(path());
    if (!file) std::abort();
    return *std::move(file);
  }

 private:
  int descriptor_;
};

inline std::string as_text(const std::uint8_t* data, std::size_t size) { return {reinterpret_cast<const char*>(data), size}; }

// Every refusal must be a message that a user can act on.
inline void require_message(const Error& error) {
  if (error.problem.empty() || error.remedy.empty()) std::abort();
}

}  // namespace weighbridge
