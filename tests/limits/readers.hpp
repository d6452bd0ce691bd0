#pragma once
// Every reader of foreign files, and what it may take to read one.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "limits/counted_memory.hpp"

namespace weighbridge::test {

struct Reader {
  std::string_view name;
  std::function<bool(const std::filesystem::path&)> read;  // whether the file was accepted
  // Bytes held at once for each byte of the file, and bytes asked for in all.
  std::size_t held_per_byte{}, total_per_byte{};
};

// What each may take for a file of no bytes: names of globals, tables, an error.
inline constexpr std::size_t kFixed = 512 << 10, kFixedTotal = 2 << 20;
// A quarter of what threads have where they have least.
inline constexpr std::size_t kStack = 256 << 10;

const std::vector<Reader>& readers();
const Reader& reader(std::string_view name);

// Reads the file on a small stack and fails the running test where its memory is not bounded by the file's size. Says whether
// the file was accepted.
bool expect_bounded(const Reader& reader, const std::filesystem::path& file);

}  // namespace weighbridge::test
