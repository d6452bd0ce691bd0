#pragma once
// Where a command speaks to: results on `out`, everything else for people on `err`.

#include <boost/json/object.hpp>
#include <iosfwd>
#include <stop_token>
#include <string>
#include <string_view>

#include "tensor/result.hpp"

namespace weighbridge {

class Team;

struct Console {
  std::ostream& out;
  std::ostream& err;
  bool terminal{};        // whether `err` is one, so that a line of it can be redrawn
  unsigned columns{80};   // of the terminal
  std::stop_token stop{}; // requested by SIGINT and SIGTERM
  Team* team{};           // the processes that were launched together; null for one alone
  std::string resuming{}; // the command line that continues this one's work, for messages
};

// What the program exits with: 0, 1 (it did not do what was asked, or checkpoints differ), 2 (the command line is
// wrong), 130 (stopped by the user).
inline constexpr int kDone = 0, kFailed = 1, kMisused = 2, kStopped = 130;

int exit_code(const Error& error);

// Tells of an error, as one line on `err`, or with `json` as {"error": …} on `out`; gives the exit code.
int fail(Console& console, const Error& error, bool json);

// Prints one JSON object.
void print(Console& console, const boost::json::object& object);
// Prints one line for people, beside the result.
void remark(Console& console, std::string_view line);

}  // namespace weighbridge
