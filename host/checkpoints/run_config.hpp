#pragma once
// run_config.yaml, the configuration that Megatron-Bridge keeps beside a checkpoint.

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <string_view>

#include "checkpoints/megatron_document.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// The Megatron document of the `model` section. References to Python functions and types become their plain names
// where the document has such; nothing is ever looked up or run. Legacy names (hybrid_override_pattern) become the new
// ones; the parts of a builder-style section (`_builder_`, nested `transformer`) are laid flat.
// Errors: the YAML ones of parse_yaml, no `model` section.
Result<boost::json::object> read_run_config(const std::filesystem::path& file);
Result<boost::json::object> parse_run_config(std::string_view text, std::string_view file);

// The text of a run_config.yaml from which Megatron-Bridge loads the model, exports it, trains from it and resumes: the
// document as `model` section, with parallel sizes 1 and autocast_dtype = params_dtype where it does not state them,
// and the sections around it (checkpoint: no optimizer, no random state; tokenizer: `hf_model_id` of the document, or
// the folder `tokenizer` beside the file). Keys are sorted; the same document gives the same bytes.
std::string write_run_config(const boost::json::object& document);

}  // namespace weighbridge
