#pragma once
// What torch.save wrote, read as data: a value in which tensors are known by dtype, shape, strides and place on disk.
// Both forms are read: the zip archive (a whole file, or an item inside a .distcp) and the stream of before torch 1.6.

#include <cstdint>
#include <string>
#include <vector>

#include "formats/input_file.hpp"
#include "formats/pickle_reader.hpp"

namespace weighbridge {

struct TorchStorage {
  std::string key;
  std::uint64_t offset{};  // bytes, absolute in the file
  std::uint64_t bytes{};
};

// Every tensor of the value lies inside its storage, and every storage inside the file: checked on reading.
struct TorchObject {
  PickleDocument document;
  std::vector<TorchStorage> storages;
  std::string note;  // with TorchOptions::any_checksum: what is odd, as one sentence without a full stop

  PickleValue root() const { return document.root; }
  // Byte in the file at which the first element of `tensor` lies; its strides count from there.
  std::uint64_t offset_of(const PickledTensor& tensor) const;
};

struct TorchOptions {
  PickleGlobals globals{PickleGlobals::weights_only()};
  std::uint64_t max_pickle{1ull << 30};  // bytes
  // PyTorch looks at no checksum when it reads, so a file whose pickle was edited in place still loads there. Such a pickle is an error
  // here unless this is set: then it is a note.
  bool any_checksum{};
};

// Reads the object in bytes [offset, offset + length) of `file`. Reads no tensor data. `subject` names it in messages.
Result<TorchObject> read_torch_object(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                      const TorchOptions& options = {}, const std::string& subject = {});
Result<TorchObject> read_torch_object(const InputFile& file, const TorchOptions& options = {});

}  // namespace weighbridge
