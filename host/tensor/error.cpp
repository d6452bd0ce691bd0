#include "tensor/result.hpp"

namespace weighbridge {

std::string Error::text() const {
  std::string line;
  for (const auto* part : {&file, &subject})
    if (!part->empty()) line += *part + ": ";
  line += problem;
  if (!remedy.empty()) line += ". " + remedy;
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
