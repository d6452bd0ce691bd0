#include "formats/torch_stream.hpp"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "formats/byte_order.hpp"
#include "formats/format_error.hpp"
#include "formats/torch_tensors.hpp"

namespace weighbridge {
namespace {

// 119547037146038801333356, little-endian: the first pickle of every such file.
constexpr std::string_view kMagic{"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10};
constexpr std::int64_t kProtocol = 1001;

// The five pickles at the start, one after the other. How long a pickle is shows only when it has been scanned, so a
// growing piece of the file is held.
class PickleSequence {
 public:
  PickleSequence(const InputFile& file, std::uint64_t offset, std::uint64_t length, std::uint64_t max_pickle,
                 const std::string& subject)
      : file_{file}, end_{offset + length}, at_{offset}, max_pickle_{max_pickle}, subject_{subject} {}

  std::uint64_t position() const { return at_; }

  Result<PickleDocument> next(const PickleOptions& options) {
    std::string piece;
    std::optional<std::size_t> size;
    for (std::uint64_t reach = std::uint64_t{1} << 16; !size; reach *= 8) {
      const auto whole = std::min({reach, max_pickle_, end_ - at_});
      auto read = file_.read(at_, whole);
      if (!read) return std::move(read).error();
      piece = std::move(*read);
      size = pickle_length(piece);
      if (!size && whole < reach) break;  // there is no more: let the reader say what is wrong
    }
    if (size) piece.resize(*size);
    auto document = read_pickle(std::move(piece), options, file_.name(), subject_);
    if (document) at_ += document->length;
    return document;
  }

 private:
  const InputFile& file_;
  std::uint64_t end_, at_, max_pickle_;
  const std::string& subject_;
};

}  // namespace

Result<TorchObject> read_torch_stream(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                      const TorchOptions& options, const std::string& subject) {
  const auto fault = [&](std::string problem) { return damaged(file.name(), subject, std::move(problem)); };
  const std::string magic_opcode = std::string{"\x8a\x0a"} + std::string{kMagic};
  const auto start = file.read(offset, std::min<std::uint64_t>(length, 2 + magic_opcode.size()));
  if (!start) return start.error();
  if (start->size() < 2 + magic_opcode.size() || start->substr(2) != magic_opcode)
    return fault("is not a file that torch.save wrote");

  PickleSequence pickles{file, offset, length, options.max_pickle, subject};
  TorchTensors tensors{file.name(), subject};
  const PickleOptions plain;
  const auto magic = pickles.next(plain);
  if (!magic) return magic.error();
  const auto protocol = pickles.next(plain);
  if (!protocol) return protocol.error();
  if (protocol->root.integer() != kProtocol) return fault("its protocol is not 1001");
  const auto system = pickles.next(plain);
  if (!system) return system.error();
  const auto little = system->root.find("little_endian");
  auto document = pickles.next(tensors.options(options.globals));
  if (!document) return std::move(document).error();
  const auto keys = pickles.next(plain);
  if (!keys) return keys.error();
  if (little && little->boolean() == false && !tensors.storages().empty())
    return not_supported(file.name(), subject, "its tensors are big-endian",
                         "Load it with PyTorch on a little-endian machine and save it again");

  // Then each storage: how many elements, and its bytes.
  std::unordered_map<std::string_view, std::uint64_t> places;
  std::unordered_map<std::string_view, const DescribedStorage*> described;
  for (const auto& storage : tensors.storages()) described.emplace(storage.key, &storage);
  auto at = pickles.position();
  const auto end = offset + length;
  for (const auto key : keys->root.items()) {
    const auto known = described.find(key.text().value_or(""));
    if (known == described.end() || known->second->root) return fault("lists a storage that no tensor uses");
    const auto& storage = *known->second;
    if (end - at < 8) return fault(fmt::format("is truncated before storage '{}'", storage.key));
    const auto count = file.read(at, 8);
    if (!count) return count.error();
    if (little_endian_at<std::int64_t>(*count, 0) != storage.elements)
      return fault(fmt::format("storage '{}' has {} elements, but its tensors need {}", storage.key,
                               little_endian_at<std::int64_t>(*count, 0), storage.elements));
    at += 8;
    if (end - at < storage.bytes)
      return fault(fmt::format("is truncated in storage '{}', which needs {} bytes", storage.key, storage.bytes));
    if (!places.emplace(storage.key, at).second) return fault(fmt::format("storage '{}' is listed twice", storage.key));
    at += storage.bytes;
  }

  TorchObject object{std::move(*document), {}, {}};
  for (const auto& storage : tensors.storages()) {
    const auto& root = storage.root ? tensors.storages()[*storage.root] : storage;
    const auto place = places.find(root.key);
    if (place == places.end()) return fault(fmt::format("storage '{}' is missing", root.key));
    object.storages.push_back({storage.key, place->second + storage.view_offset, storage.bytes});
  }
  return object;
}

}  // namespace weighbridge
