#pragma once
// What a family does with configurations and calls, whatever its equations are.

#include <optional>
#include <string>
#include <vector>

#include "conformance/check_list.hpp"
#include "conformance/recorded_call.hpp"

namespace weighbridge {

// The configuration of a check, there and back. Gives the Megatron document; nothing if the family refuses the configuration.
// Every field that the family reads is changed once, alone: what then changes in the Megatron document must come back.
std::optional<ConfigDocument> check_configuration(const Family& family, const ConfigDocument& config, std::vector<Violation>& violations);

// Empty and foreign documents, and the check's own with fields of wrong types (`config`; null: none): a sentence or an
// answer, but no exception and no silence. No foreign document is recognised.
void check_foreign_documents(const Family& family, const ConfigDocument* config, std::vector<Violation>& violations);

// One question asked twice, and two at the same time: `config` and `other`, which may be equal, of families of one plugin.
void check_calls(const Family& family, const ConfigDocument& config, const Family& other_family, const ConfigDocument& other,
                 std::vector<Violation>& violations);

// A failure of a callback as a violation, unless it is a refusal in words; `on` says of what.
bool breaks_contract(const Recording& recording, std::string_view callback, std::string_view on, std::vector<Violation>& violations);

}  // namespace weighbridge
