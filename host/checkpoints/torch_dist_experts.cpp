#include "checkpoints/torch_dist_experts.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kExperts = "experts.linear_fc";

std::string with_inserted(std::string_view name, std::string_view text) {
  const auto at = name.rfind(kExperts);
  std::string key{name};
  if (at != std::string_view::npos) key.insert(at + std::string_view{"experts."}.size(), text);
  return key;
}

}  // namespace

std::string experts_key(std::string_view name) { return with_inserted(name, "experts."); }

std::string expert_key(std::string_view name, std::int64_t expert) {
  std::string number = "experts.";
  number += std::to_string(expert);
  number += '.';
  return with_inserted(name, number);
}

}  // namespace weighbridge
