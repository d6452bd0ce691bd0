#pragma once
// Which Python names a pickle may mention. A pickle is data here: nothing is ever imported or called. The lists keep
// out what cannot be read anyway, and what no honest checkpoint mentions.

#include <set>
#include <string>
#include <string_view>

namespace weighbridge {

class PickleGlobals {
 public:
  enum class Verdict { allowed = 1, unknown, forbidden };

  enum class Unknown { refuse = 1, keep };  // a name on no list is an error, or becomes an opaque node

  // What torch.load(weights_only=True) accepts: state dicts.
  static PickleGlobals weights_only();
  // The same, NumPy arrays, and what Megatron-Core registers as safe: common.pt, rank files, common_state.
  static PickleGlobals megatron();
  // The classes of a DCP `.metadata` of every torch and Megatron-Core version.
  static PickleGlobals dcp_metadata();

  void allow(std::string_view module, std::string_view name);
  void set_unknown(Unknown unknown) { unknown_ = unknown; }

  // `forbidden` for the modules and built-ins that run code (os, subprocess, builtins.eval, …), whatever was allowed.
  Verdict verdict(std::string_view module, std::string_view name) const;
  Unknown unknown() const { return unknown_; }

 private:
  std::set<std::string, std::less<>> allowed_;  // "module name"
  bool allow_torch_types_{};                    // dtypes, storage and tensor classes of torch
  Unknown unknown_{Unknown::refuse};
};

}  // namespace weighbridge
