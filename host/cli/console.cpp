#include "cli/console.hpp"

#include <ostream>
#include <string>

#include "checkpoints/python_json.hpp"

namespace weighbridge {

int exit_code(const Error& error) {
  switch (error.kind) {
    case Error::Kind::usage: return kMisused;
    case Error::Kind::cancelled: return kStopped;
    default: return kFailed;
  }
}

int fail(Console& console, const Error& error, bool json) {
  if (json) {
    print(console, {{"error",
                     {{"kind", to_string(error.kind)},
                      {"file", error.file},
                      {"subject", error.subject},
                      {"problem", error.problem},
                      {"remedy", error.remedy},
                      {"text", error.text()}}}});
  } else {
    remark(console, "weighbridge: " + error.text());
  }
  return exit_code(error);
}

void print(Console& console, const boost::json::object& object) {
  console.out << python_json(object, {.indent = 2, .sort_keys = false, .ensure_ascii = false}) << '\n' << std::flush;
}

void remark(Console& console, std::string_view line) { console.err << line << '\n' << std::flush; }

}  // namespace weighbridge
