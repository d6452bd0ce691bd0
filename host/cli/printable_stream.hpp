#pragma once
// An output stream for people whose names come from foreign files: no control character but the line feed passes.

#include <ostream>
#include <streambuf>

namespace weighbridge {

// Not for several threads at once. `to` must outlive it.
class PrintableStream : private std::streambuf, public std::ostream {
 public:
  explicit PrintableStream(std::ostream& to) : std::ostream{static_cast<std::streambuf*>(this)}, to_{to} {}

 private:
  int overflow(int character) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

  std::ostream& to_;
};

}  // namespace weighbridge
