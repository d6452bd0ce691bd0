#pragma once
// Ways to look at what was read: each adds to an inspection.

#include "checkpoints/config_document.hpp"
#include "families/registry.hpp"
#include "inspection/inspection.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// The family by its configuration, and whether its tensors are those that the family knows: what is missing or of another
// shape is a defect, what it does not know an oddity. A configuration that no family reads is an oddity.
void look_with_family(const ConfigDocument& configuration, const Catalogue& catalogue, Registry& registry,
                      Inspection& inspection);

// What a user would be surprised by: copies beside tied embeddings, mixed types, another type than the configuration says,
// another number of layers, a padded vocabulary, code of the model's own, quantised weights, scalings of RoPE.
void look_for_oddities(const Catalogue& catalogue, Inspection& inspection);

}  // namespace weighbridge
