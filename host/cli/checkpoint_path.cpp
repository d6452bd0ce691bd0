#include "cli/checkpoint_path.hpp"

#include <system_error>

#include "checkpoints/hub_cache.hpp"

namespace weighbridge {

Result<std::filesystem::path> checkpoint_path(const std::string& name, const std::string& revision) {
  std::error_code ignored;
  if (std::filesystem::exists(name, ignored)) return std::filesystem::path{name};
  auto model = resolve_model(name, {.revision = revision});
  if (!model) return std::move(model).error();
  return model->folder;
}

}  // namespace weighbridge
