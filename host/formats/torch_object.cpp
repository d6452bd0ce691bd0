#include "formats/torch_object.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "formats/crc32.hpp"
#include "formats/format_error.hpp"
#include "formats/torch_archive.hpp"
#include "formats/torch_stream.hpp"
#include "formats/torch_tensors.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kZipSignature{"PK\x03\x04"};

Result<TorchObject> read_archive(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                 const TorchOptions& options, const std::string& subject) {
  const auto archive = read_torch_archive(file, offset, length, subject);
  if (!archive) return archive.error();
  const auto& pickle = archive->records.find("data.pkl")->second;
  if (pickle.size > options.max_pickle)
    return damaged(file.name(), subject,
                   fmt::format("its pickle has {} bytes; at most {} are accepted", pickle.size, options.max_pickle));
  auto bytes = file.read(pickle.offset, pickle.size);
  if (!bytes) return std::move(bytes).error();
  std::string note;
  // PyTorch can be told to leave checksums out, which makes them 0.
  if (const auto found = crc32(*bytes); pickle.crc != 0 && found != pickle.crc) {
    const auto problem = fmt::format("the record '{}' has the checksum {:08x} instead of {:08x}", pickle.name, found, pickle.crc);
    if (!options.any_checksum) return damaged(file.name(), subject, problem);
    note = fmt::format("{}: {}{}{}; PyTorch does not look at it: either the file was edited, or it is damaged", file.name(), subject, subject.empty() ? "" : ": ", problem);
  }

  TorchTensors tensors{file.name(), subject};
  auto document = read_pickle(std::move(*bytes), tensors.options(options.globals), file.name(), subject);
  if (!document) return std::move(document).error();
  TorchObject object{std::move(*document), {}, std::move(note)};
  for (const auto& described : tensors.storages()) {
    const auto record = archive->records.find("data/" + described.key);
    if (record == archive->records.end())
      return damaged(file.name(), subject, fmt::format("the storage 'data/{}' is missing", described.key));
    if (described.root || record->second.size != described.bytes)
      return damaged(file.name(), subject,
                     fmt::format("the storage 'data/{}' has {} bytes, but its tensors need {}", described.key,
                                 record->second.size, described.bytes));
    object.storages.push_back({described.key, record->second.offset, described.bytes});
  }
  if (archive->big_endian && !object.storages.empty())
    return not_supported(file.name(), subject, "its tensors are big-endian",
                         "Load it with PyTorch on a little-endian machine and save it again");
  return object;
}

}  // namespace

std::uint64_t TorchObject::offset_of(const PickledTensor& tensor) const {
  return storages[tensor.storage].offset +
         static_cast<std::uint64_t>(tensor.storage_offset) * static_cast<std::uint64_t>(bits(tensor.dtype) / 8);
}

Result<TorchObject> read_torch_object(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                      const TorchOptions& options, const std::string& subject) {
  if (offset > file.size() || length > file.size() - offset)
    return damaged(
        file.name(), subject,
        fmt::format("is truncated: {} bytes at byte {} are wanted, but it has {} bytes", length, offset, file.size()));
  const auto start = file.read(offset, std::min<std::uint64_t>(length, kZipSignature.size()));
  if (!start) return start.error();
  if (*start == kZipSignature) return read_archive(file, offset, length, options, subject);
  return read_torch_stream(file, offset, length, options, subject);
}

Result<TorchObject> read_torch_object(const InputFile& file, const TorchOptions& options) {
  return read_torch_object(file, 0, file.size(), options);
}

}  // namespace weighbridge
