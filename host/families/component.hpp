#pragma once
// Parts of a model that another family knows.

#include <weighbridge/abi.h>

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "families/registry.hpp"

namespace weighbridge {

// The path in the whole Hugging Face document of a field that the innermost part calls `path`; for reading, where the
// field is inherited and the whole document has it, that one.
std::string path_in_whole(const wb_call& call, std::string_view path, bool writing);
// The value that the innermost part reads at `path` of the Hugging Face document, or the default that was given for it.
const boost::json::value* value_in_whole(const wb_call& call, std::string_view path);
// The Hugging Face and the Megatron name in the whole model of what the innermost part calls `name`.
std::string hugging_face_name(const wb_call& call, std::string_view name);
std::string megatron_name(const wb_call& call, std::string_view name);

// Makes a component the innermost part and finds the family that knows it; a failure is recorded. Leave it with
// call->parts.pop_back().
std::optional<Family> enter_part(wb_call* call, const wb_component* component);
// wb_host.component.
int32_t state_component(wb_call* call, const wb_component* component);

}  // namespace weighbridge
