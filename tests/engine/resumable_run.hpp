#pragma once
// The small run, of which an interrupted one leaves a journal after every window.

#include <string>
#include <vector>

#include "engine/small_run.hpp"

namespace weighbridge {

class ResumableRun : public SmallRun {
 public:
  ResumableRun() {
    options.tuning.window = 8;
    options.recovery.keep = true;
    options.recovery.maker = "weighbridge 1";
    options.recovery.bytes = 1;
    options.tell = [this](const std::string& line) { told.push_back(line); };
  }
  Result<RunReport> resume() {
    options.recovery.resume = true;
    return run();
  }
  std::filesystem::path beside(const std::string& role) const { return folder.path() / "out" / (".model.weighbridge-" + role); }
  bool is_there(const std::string& role) const { return std::filesystem::exists(beside(role)); }

  std::vector<std::string> told;
};

}  // namespace weighbridge
