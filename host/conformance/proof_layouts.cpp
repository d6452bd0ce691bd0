#include "conformance/proof_layouts.hpp"

#include <fmt/format.h>

#include "checkpoints/megatron_document.hpp"

namespace weighbridge {
namespace {

ProofLayout layout(std::int64_t tensor, std::int64_t pipeline, std::int64_t expert, MegatronStorage storage) {
  ProofLayout made;
  const auto say = [&](const char* option, std::int64_t size) {
    if (size > 1) made.text += fmt::format("{}{} {}", made.text.empty() ? "" : " ", option, size);
  };
  say("--tp", tensor);
  say("--pp", pipeline);
  say("--ep", expert);
  if (storage == MegatronStorage::torch)
    made.text += made.text.empty() ? "--ckpt-format torch" : " --ckpt-format torch";
  if (made.text.empty()) made.text = "one rank";
  made.target.storage = storage;
  made.target.layout.tensor = tensor;
  made.target.layout.pipeline = pipeline;
  made.target.layout.expert = expert;
  return made;
}

}  // namespace

std::vector<ProofLayout> proof_layouts(const boost::json::object& document, bool all) {
  using enum MegatronStorage;
  std::vector<ProofLayout> layouts{layout(1, 1, 1, torch_dist), layout(2, 1, 1, torch)};
  if (!all) return layouts;
  layouts.push_back(layout(2, 2, 1, torch));
  layouts.push_back(layout(4, 1, 1, torch_dist));
  if (integer_field(document, "num_moe_experts").value_or(0) % 2 == 0 && document.contains("num_moe_experts")) {
    layouts.push_back(layout(2, 1, 2, torch_dist));
    layouts.push_back(layout(1, 2, 2, torch));
    layouts.push_back(layout(2, 1, 2, torch));
  }
  return layouts;
}

}  // namespace weighbridge
