#pragma once
// Which tensors a source had, kept beside the Megatron checkpoint that was made of it: so an export without the source
// finds the same names, types and files again.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoints/hugging_face_layout.hpp"
#include "checkpoints/hugging_face_repository.hpp"
#include "tensor/result.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

inline constexpr std::string_view kSourceIndex = "source_tensors.json";

struct SourceIndex {
  Catalogue tensors;  // without extents: where their bytes were is of no use any more
  ReferenceShards shards;
};

// {"has_index": …, "metadata": {…}, "files": [name …], "tensors": {name: [type, [extent …], number of its file] …}}
std::string source_index_text(const HuggingFaceRepository& repository);
// Nothing if `folder` has none. Error::Kind::format for one that cannot have been written by this program.
Result<std::optional<SourceIndex>> read_source_index(const std::filesystem::path& folder);

}  // namespace weighbridge
