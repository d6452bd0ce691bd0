#pragma once
// Writes a laid-out checkpoint the plain way: literals, tensor bytes and their checksums at their places.

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "checkpoints/torch_dist_layout.hpp"
#include "formats/crc32.hpp"

namespace weighbridge::test {

// Two bytes an element that say where it belongs: the tensor's number above, the element's below.
inline std::string coded_bytes(std::size_t tensor, std::uint64_t bytes) {
  std::string out;
  for (std::uint64_t i = 0; out.size() < bytes; ++i) {
    out.push_back(static_cast<char>(i));
    if (out.size() < bytes) out.push_back(static_cast<char>(tensor + 1));
  }
  return out;
}

// Tensor i of the layout gets coded_bytes(i). Fails the test if literals and tensors do not tile the files exactly.
inline void write_layout(const MegatronLayout& layout, const std::filesystem::path& folder) {
  std::vector<std::string> contents;
  std::vector<std::string> written;  // 'x' for each byte that has its value
  for (const auto& file : layout.files) {
    contents.emplace_back(file.size, '\0');
    written.emplace_back(file.size, '.');
  }
  const auto put = [&](std::uint32_t file, std::uint64_t offset, const std::string& bytes) {
    ASSERT_LT(file, contents.size());
    ASSERT_LE(offset + bytes.size(), contents[file].size()) << layout.files[file].path;
    ASSERT_EQ(written[file].substr(offset, bytes.size()).find('x'), std::string::npos) << "written twice at " << offset;
    contents[file].replace(offset, bytes.size(), bytes);
    written[file].replace(offset, bytes.size(), bytes.size(), 'x');
  };
  std::vector<std::uint32_t> checksums;
  for (std::size_t i = 0; i < layout.tensors.size(); ++i) {
    const auto bytes = coded_bytes(i, layout.tensors[i].bytes);
    put(layout.tensors[i].file, layout.tensors[i].offset, bytes);
    checksums.push_back(crc32(bytes));
  }
  for (const auto& literal : layout.literals) {
    auto bytes = literal.bytes.text();
    for (const auto& slot : literal.checksums)
      for (std::uint32_t i = 0; i < 4; ++i)
        bytes.at(slot.position + i) = static_cast<char>(checksums.at(slot.tensor) >> (8 * i));
    put(literal.file, literal.offset, bytes);
  }
  for (std::size_t i = 0; i < contents.size(); ++i) {
    EXPECT_EQ(written[i].find('.'), std::string::npos) << layout.files[i].path << " has a hole";
    const auto path = folder / layout.files[i].path;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path, std::ios::binary} << contents[i];
  }
}

}  // namespace weighbridge::test
