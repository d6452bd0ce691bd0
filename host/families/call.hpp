#pragma once
// One use of a family: the host's side of weighbridge/abi.h.

#include <optional>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "families/registry.hpp"
#include "mapping/equation.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// The four questions that the host asks a family. Each may add sentences to `notes`. Errors, Error::Kind::mismatch or
// plugin, carry the family's own sentence and name the document's file; an exception that a plugin lets out is one too.

// The Megatron document of a config.json. `source`: the tensors that lie beside it, where a family doubts the config;
// null if there are none.
Result<ConfigDocument> to_megatron(const Family& family, const ConfigDocument& hugging_face, std::vector<std::string>& notes,
                                   const Catalogue* source = nullptr);
// A config.json that stands alone, of a Megatron document; `architectures` and `model_type` are the host's doing.
Result<ConfigDocument> to_hugging_face(const Family& family, const ConfigDocument& megatron, std::vector<std::string>& notes);
// The equations of a config.json. `source`: tensors that the family may look at; null if there are none. `megatron`: the
// document of the Megatron side, where the config leaves something open; null if there is none.
Result<EquationSet> state_equations(const Family& family, const ConfigDocument& hugging_face, const Catalogue* source,
                                    std::vector<std::string>& notes, const ConfigDocument* megatron = nullptr);
// Whether the family may have made a Megatron document. False for a family that cannot tell.
Result<bool> recognises(const Family& family, const ConfigDocument& megatron);

// The family's own names, from its table.
std::string family_id(const Family& family);
std::vector<std::string> architectures_of(const Family& family);
std::vector<std::string> model_types_of(const Family& family);

// The plugin's self-check; done where it has none.
Status self_check(const wb_plugin& plugin);

}  // namespace weighbridge
