#pragma once
// What a family does with configurations and calls, whatever its equations are.

#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <vector>

#include "conformance/check_list.hpp"
#include "conformance/recorded_call.hpp"

namespace weighbridge {

// The configuration of a check, there and back. Gives the Megatron document; nothing if the family refuses the configuration.
// Every field that the family reads is changed once, alone: what then changes in the Megatron document must come back.
std::optional<ConfigDocument> check_configuration(const Family& family, const ConfigDocument& config,
                                                  std::vector<Violation>& violations);

// Empty and foreign documents, and the check's own with fields of wrong types (`config`; null: none): a sentence or an
// answer, but no exception and no silence. No foreign document is recognised.
void check_foreign_documents(const Family& family, const ConfigDocument* config, std::vector<Violation>& violations);

// One question asked twice. Whether the answers are the same; what comes of two calls at once can be told only then.
bool check_repetition(const Family& family, const ConfigDocument& config, std::vector<Violation>& violations);
// The questions asked beside those of another configuration, which may be of another family: the answers must be those that
// come alone.
void check_company(const Family& family, const ConfigDocument& config, const Family& other_family,
                   const ConfigDocument& other, std::vector<Violation>& violations);

// A value as a sentence says it: 1e-05, "silu", [].
std::string shown(const boost::json::value& value);

// A failure of a callback as a violation, unless it is a refusal in words; `on` says of what.
bool breaks_contract(const Recording& recording, std::string_view callback, std::string_view on,
                     std::vector<Violation>& violations);

}  // namespace weighbridge
