#include "cli/checkpoint_path.hpp"

#include "checkpoints/hub_cache.hpp"
#include "formats/file_tree.hpp"

namespace weighbridge {

Result<std::filesystem::path> checkpoint_path(const std::string& name, const std::string& revision) {
  if (tree::exists(name)) return std::filesystem::path{name};
  auto model = resolve_model(name, {.revision = revision});
  if (!model) return std::move(model).error();
  return model->folder;
}

}  // namespace weighbridge
