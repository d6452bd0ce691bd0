#pragma once
// What is wrong, or merely odd, about a checkpoint.

#include <cstdint>
#include <string>

#include "tensor/result.hpp"

namespace weighbridge {

struct Finding {
  enum class Kind : std::uint8_t {
    defect = 1,  // it cannot be used as it is
    oddity,      // it can, and a user should know
  };
  Kind kind{};
  std::string file;     // relative to the checkpoint, or a path; may be empty
  std::string subject;  // the tensor, field or file at fault; may be empty
  std::string problem;  // one sentence without a full stop
  std::string remedy;   // likewise; may be empty of an oddity
};

inline Finding defect_of(const Error& error) {
  return {Finding::Kind::defect, error.file, error.subject, error.problem, error.remedy};
}

// "FILE: SUBJECT: PROBLEM. REMEDY."
inline std::string text(const Finding& finding) {
  return Error{{}, finding.file, finding.subject, finding.problem, finding.remedy}.text();
}

}  // namespace weighbridge
