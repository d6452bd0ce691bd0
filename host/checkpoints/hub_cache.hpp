#pragma once
// Models by their hub name, from the local Hugging Face cache. Nothing here touches a network.

#include <filesystem>
#include <string>
#include <string_view>

#include "tensor/result.hpp"

namespace weighbridge {

// HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE, else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else
// ~/.cache/huggingface/hub. Empty variables count as unset; a leading ~ is the home folder.
std::filesystem::path hub_cache_folder();

struct ResolvedModel {
  std::filesystem::path folder;  // where the checkpoint lies
  std::string hub_id;            // "org/name"; empty if a folder was given
  std::string commit;            // of the snapshot; empty if a folder was given
};

struct ResolveModel {
  std::string revision = "main";  // a branch, a tag or a full commit hash
  bool weights = true;            // whether a snapshot without (all of) its weights is incomplete
  std::filesystem::path cache = hub_cache_folder();
};

// `model` is a folder if one of that name exists, else a hub id. A folder of the cache itself (models--org--name)
// is a hub id too. Error::Kind::io if it is neither, or if the cache lacks the model, the revision or files of it:
// the remedy is the command that downloads them.
Result<ResolvedModel> resolve_model(std::string_view model, const ResolveModel& options = {});

}  // namespace weighbridge
