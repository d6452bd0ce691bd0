#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "formats/format_error.hpp"
#include "formats/torch_archive.hpp"

namespace weighbridge {
namespace {

constexpr std::uint64_t kMaxSmallRecord = 64;  // `version` and `byteorder` hold a few characters

Result<std::string> small_record(const InputFile& file, const ZipRecord& record, const std::string& subject) {
  if (record.size > kMaxSmallRecord)
    return damaged(file.name(), subject, fmt::format("the record '{}' has {} bytes", record.name, record.size));
  return file.read(record.offset, record.size);
}

}  // namespace

Result<TorchArchive> read_torch_archive(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                        const std::string& subject) {
  auto found = read_zip_directory(file, offset, length, subject);
  if (!found) return std::move(found).error();
  TorchArchive archive;
  // As PyTorch does: the first record's name up to its first slash is what all records of interest begin with.
  const auto slash = found->empty() ? std::string::npos : found->front().name.find('/');
  if (slash == std::string::npos)
    return damaged(file.name(), subject, "is a zip archive, but not one that torch.save wrote");
  archive.prefix = found->front().name.substr(0, slash + 1);
  for (auto& record : *found) {
    if (!record.name.starts_with(archive.prefix)) continue;
    auto name = record.name.substr(archive.prefix.size());
    archive.records.emplace(std::move(name), std::move(record));
  }

  if (archive.records.contains("constants.pkl"))
    return not_supported(file.name(), subject, "is a TorchScript module, which holds code",
                         "Save the model's state dict with torch.save, or as safetensors");
  auto version = archive.records.find("version");
  if (version == archive.records.end()) version = archive.records.find(".data/version");
  if (version == archive.records.end()) return damaged(file.name(), subject, "the record 'version' is missing");
  const auto text = small_record(file, version->second, subject);
  if (!text) return text.error();
  int number = 0;
  std::from_chars(text->data(), text->data() + text->size(), number);
  if (number < 1 || number > 10)
    return not_supported(file.name(), subject, fmt::format("its version '{}' is none of 1 to 10", *text),
                         "Save it again with a current PyTorch");
  if (!archive.records.contains("data.pkl")) return damaged(file.name(), subject, "the record 'data.pkl' is missing");
  if (const auto order = archive.records.find("byteorder"); order != archive.records.end()) {
    const auto word = small_record(file, order->second, subject);
    if (!word) return word.error();
    if (*word != "little" && *word != "big")
      return damaged(file.name(), subject, fmt::format("its byte order is '{}'", *word));
    archive.big_endian = *word == "big";
  }
  return archive;
}

}  // namespace weighbridge
