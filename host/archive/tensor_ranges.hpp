#pragma once
// Which bytes of a folder's files are the numbers of tensors.

#include <cstdint>
#include <string>
#include <vector>

#include "archive/folder_content.hpp"

namespace weighbridge {

// Bytes [begin, end) of a file, elements of one tensor. `width`: bytes of a floating point number of at least 16 bits that
// they are; 1 for anything else.
struct TensorRange {
  std::uint64_t begin{}, end{};
  unsigned width{1};
  friend bool operator==(const TensorRange&, const TensorRange&) = default;
};

struct TensorRanges {
  std::vector<std::vector<TensorRange>>
      of_file;                     // as FolderContent::files; ascending, without overlap, within the file
  std::vector<std::string> notes;  // one sentence each, without a full stop
};

// From safetensors headers, `.metadata` of torch_dist (of training states too), rank files and pytorch_model files, wherever
// in the folder they are. What cannot be read is no error: it is packed as bytes, with a note.
TensorRanges find_tensors(const std::filesystem::path& folder, const FolderContent& content);

}  // namespace weighbridge
