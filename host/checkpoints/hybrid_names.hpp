#pragma once
// A GPT model as Megatron-Core's hybrid model holds it: attention and feed-forward are layers of their own, and a pattern
// says which is which ("*-*-"; E for experts). Source: gpt_checkpoint_interop.py and HybridStack of Megatron-Core.

#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "checkpoints/megatron_layout.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// The document of the GPT model that a hybrid document means: its pattern is only attention and feed-forward, as many of
// each. Nothing for any other document.
std::optional<boost::json::object> gpt_document(const boost::json::object& hybrid);

// The hybrid document of a GPT model with these parameters. Error::Kind::unsupported: what the hybrid model has no place
// for (scaled rotary embeddings, prediction layers).
Result<boost::json::object> hybrid_document(const boost::json::object& gpt, const std::vector<LiveParameter>& parameters);

// Renames the parameters of a GPT model to those of the hybrid model with the pattern; all other names stay. Error: a
// parameter that belongs to neither kind of layer, or a pattern that does not fit.
Status name_as_hybrid(std::string_view pattern, std::vector<LiveParameter>& parameters);
Status name_as_hybrid(std::string_view pattern, const std::string& backbone, std::vector<LiveModule>& modules);

}  // namespace weighbridge
