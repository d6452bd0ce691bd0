#pragma once
// The zip archive that torch.save writes: records under one prefix, `data.pkl` and the storages `data/<key>`.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "formats/zip_directory.hpp"
#include "mapping/plan.hpp"

namespace weighbridge {

// An archive found in a file. Records are named without their prefix.
struct TorchArchive {
  std::map<std::string, ZipRecord, std::less<>> records;
  std::string prefix;  // "archive/"
  bool big_endian{};   // of the storages
};

// Errors beyond those of read_zip_directory: no `version` or one out of 1..10, no `data.pkl`, a TorchScript module
// (`constants.pkl`), an unknown `byteorder`.
Result<TorchArchive> read_torch_archive(const InputFile& file, std::uint64_t offset, std::uint64_t length,
                                        const std::string& subject = {});

// One record to be written: known bytes, or `size` bytes that come later.
struct ArchiveRecord {
  std::string name;  // without prefix
  std::string bytes;
  bool external{};       // the bytes come later
  std::uint64_t size{};  // of an external record
};

// An archive laid out before its data exists, byte for byte as PyTorch's writer frames it (data aligned to 64, sizes
// and checksums in descriptors, zip64 where needed). All offsets count from the start of the archive: literals carry
// file 0, and ChecksumSlot::tensor is the number of the external record among the external ones.
struct ArchiveLayout {
  std::uint64_t size{};                 // bytes of the whole archive
  std::vector<Literal> literals;        // by offset; with the external records they tile [0, size)
  std::vector<std::uint64_t> external;  // offset of each external record's data, in the order given
};

ArchiveLayout lay_out_torch_archive(std::vector<ArchiveRecord> records, std::string_view prefix = "archive");

// Appends the layout's literals to `literals`, moved to byte `offset` of output file `file`, its external records being
// the plan's tensors `first_tensor`, `first_tensor` + 1, …
void place(ArchiveLayout layout, std::uint32_t file, std::uint64_t offset, std::uint32_t first_tensor,
           std::vector<Literal>& literals);

}  // namespace weighbridge
