#include "tensor/result.hpp"

#include "tensor/printable.hpp"

namespace weighbridge {
namespace {

// What a message has of a path, a name, a sentence: longer than any honest one.
constexpr std::size_t kMostOfFile = 4096, kMostOfSubject = 2048, kMostOfSentence = 4096;

}  // namespace

std::string Error::text() const {
  std::string line;
  if (!file.empty()) line += printable(file, kMostOfFile) + ": ";
  if (!subject.empty()) line += printable(subject, kMostOfSubject) + ": ";
  line += printable(problem, kMostOfSentence);
  if (!remedy.empty()) line += ". " + printable(remedy, kMostOfSentence);
  return line + ".";
}

const char* to_string(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::io: return "io";
    case Error::Kind::format: return "format";
    case Error::Kind::mismatch: return "mismatch";
    case Error::Kind::unsupported: return "unsupported";
    case Error::Kind::usage: return "usage";
    case Error::Kind::plugin: return "plugin";
    case Error::Kind::cancelled: return "cancelled";
  }
  return "unknown";
}

}  // namespace weighbridge
